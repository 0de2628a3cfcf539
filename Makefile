# The two commands: `make demo` and `make test`. Each sets up .venv first; a second call starts at once.
BIN := .venv/bin

.PHONY: help demo test lint types verify bench fuzz clean

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

.venv/ready: pyproject.toml constraints.txt .ci/setup
	@.ci/setup

demo: .venv/ready ## Take a class through a whole course: build, hand in, collect, grade, return, export
	@$(BIN)/python tests/demo/cycle.py

test: .venv/ready ## Run the tests (at most five minutes)
	@$(BIN)/python -m pytest -q -n auto -m "not slow"

lint: .venv/ready ## Check style and formatting
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: .venv/ready ## Check the types
	@$(BIN)/mypy

verify: .venv/ready ## Prove that references are right and that mistakes are caught
	@$(BIN)/autograder verify

bench: .venv/ready ## What a worker, a call, a property and a submission cost here
	@$(BIN)/python tests/benchmarks/costs.py

FUZZ_SECONDS := 120
fuzz: .venv/ready ## Search for inputs that break what reads untrusted bytes (two minutes for each reader)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[fuzz]'
	@for target in decoder messages archives notebooks modules; do \
		$(BIN)/python tests/fuzz/fuzz.py $$target -max_total_time=$(FUZZ_SECONDS) -verbosity=0 || exit 1; done

clean: ## Remove what was built
	rm -rf .venv build .autograder
