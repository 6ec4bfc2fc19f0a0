# make demo   set up, train on phantoms, evaluate, run the app         make demo SERIES=<folder of a PET series>
# make test   set up, run the tests      make test-slow   the longer ones     make bench   benchmarks (installs cvxpylayers, a peer)
# make bench-gpu   one run of them all, and of the bundles, on a GPU: benchmarks/README.md
# make lint   formatters and linter      make docs        HTML into docs/_build/html
VENV ?= .venv
PYTHON ?= python3
PY := $(VENV)/bin/python
RUN ?= runs/demo
# With the deploy extra MONAI loads Holoscan, which links to the CUDA runtime: it comes as a package, no CUDA is needed
IN_ENV = LD_LIBRARY_PATH="$$(realpath $(VENV)/lib/python3*/site-packages/nvidia/cu13/lib)$${LD_LIBRARY_PATH:+:$$LD_LIBRARY_PATH}"
# Holoscan says this at every import; nothing here needs more
export PYTHONWARNINGS ?= ignore:Current stack size:RuntimeWarning

.PHONY: setup demo test test-slow bench bench-gpu lint docs clean

setup: $(VENV)/.ready

# torch first and by its exact version: everything else then takes the build that is there
$(VENV)/.ready: setup.cfg constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install -q "$$(grep '^torch==' constraints.txt)"
	$(PY) -m pip install -q -e ".[all]" -c constraints.txt
	touch $@

demo: setup
	$(IN_ENV) $(PY) examples/demo.py --output_dir $(RUN) $(if $(SERIES),--series "$(SERIES)")

test: setup
	$(IN_ENV) OMP_NUM_THREADS=1 $(PY) -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder -m "not slow"

test-slow: setup
	$(IN_ENV) OMP_NUM_THREADS=2 $(PY) -m pytest -q -m slow

bench: setup
	$(PY) -m pip install -q cvxpylayers
	$(IN_ENV) $(PY) benchmarks/closed_form.py
	$(IN_ENV) $(PY) benchmarks/training_step.py
	$(IN_ENV) $(PY) benchmarks/explanation_metrics.py
	$(IN_ENV) $(PY) benchmarks/patch_strides.py
	$(IN_ENV) $(PY) benchmarks/adversarial_step.py

bench-gpu: setup
	$(IN_ENV) $(PY) benchmarks/gpu.py

lint: setup
	$(PY) -m black --check -q . && $(PY) -m isort --check -q . && $(PY) -m ruff check .

docs: setup
	$(IN_ENV) $(PY) -m sphinx -W --keep-going -q -b html docs docs/_build/html

clean:
	rm -rf $(VENV) runs docs/_build docs/api/generated
