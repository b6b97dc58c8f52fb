# make demo, make test, make benchmark: each sets everything up by itself. See README.md.
PYTHON := .venv/bin/python

.PHONY: demo test benchmark messages lint docs linkcheck pictures notebook setup clean

demo: setup
	@$(PYTHON) -m ppghost demo

test: setup
	@$(PYTHON) -m pytest -n logical --dist worksteal

benchmark: setup
	@$(PYTHON) benchmarks/short.py $(if $(PADDLECLAS),--paddleclas $(PADDLECLAS)) \
		$(if $(TORCH_PYTHON),--torch-python $(TORCH_PYTHON))

# what people read, from the source into the Chinese catalogue; docs/architecture.md says how
messages: setup
	@$(PYTHON) tools/messages.py

lint: setup
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@.venv/bin/lint-imports --no-logo
	@$(PYTHON) -m mypy

# the site in both languages, into output/docs; opened from a file
docs: setup
	@$(PYTHON) docs/build.py

# asks every external link; needs the network
linkcheck: setup
	@$(PYTHON) docs/build.py --builder linkcheck

# every picture of the docs anew; needs Chromium (CHROMIUM=PROGRAM)
pictures: setup
	@$(PYTHON) docs/pictures.py $(if $(CHROMIUM),--chromium $(CHROMIUM))

# the notebook anew, in full and with its outputs: half an hour
notebook: setup
	@.venv/bin/jupyter execute --inplace --timeout=-1 examples/ghost_features.ipynb

setup: .venv/ready

.venv/ready: requirements.txt pyproject.toml .ci/setup
	@sh .ci/setup

clean:
	rm -rf .venv .bootstrap output
