BUNDLE ?= artifacts/dev
REPORTS ?= reports
# The first of these that is a tested version makes .venv; TensorFlow has no build for newer ones.
PYTHON ?= python3 python3.13 python3.12 python3.11

BIN := .venv/bin
INSTALLED := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: install run train train-sweep train-mlflow mlflow-ui serve serve-with-agent dashboard eval-nab test test-fast \
	lint bench ablations docker-up docker-up-llm docker-up-pipelines docker-down help

install: $(INSTALLED) ## make .venv with the dev extra

run: $(BUNDLE)/manifest.json ## train BUNDLE if it is missing, then serve it
	@$(MAKE) --no-print-directory serve

train: $(INSTALLED) ## train a bundle into BUNDLE
	$(BIN)/anomaliz train --out $(BUNDLE)

train-sweep: $(INSTALLED) ## train with the ablation over units and window size
	$(BIN)/anomaliz train --sweep --out $(BUNDLE)

train-mlflow: $(INSTALLED) ## train a bundle into BUNDLE and record it in MLflow; ARGS are further options
	$(BIN)/anomaliz train --logger mlflow --out $(BUNDLE) $(ARGS)

mlflow-ui: $(INSTALLED) ## show the runs and the registry on port 5000 of this machine
	MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false $(BIN)/mlflow ui --host 127.0.0.1 --port 5000 --workers 1 \
		--backend-store-uri $${ANOMALIZ__TRACKING__TRACKING_URI:-sqlite:///mlruns.db}

serve: $(INSTALLED) ## serve BUNDLE over HTTP on port 8000
	ANOMALIZ_ARTIFACT_DIR=$(BUNDLE) $(BIN)/anomaliz serve

serve-with-agent: $(INSTALLED) ## serve with the explanation agent (openai unless the environment names another)
	ANOMALIZ__AGENT__BACKEND=$${ANOMALIZ__AGENT__BACKEND:-openai} ANOMALIZ_ARTIFACT_DIR=$(BUNDLE) $(BIN)/anomaliz serve

dashboard: $(INSTALLED) ## draw the training results of BUNDLE into REPORTS
	$(BIN)/python -m anomaliz.visualization.dashboard --bundle $(BUNDLE) --out $(REPORTS)

eval-nab: $(BUNDLE)/manifest.json ## evaluate on NAB with the settings of BUNDLE; ARGS are further options
	$(BIN)/python -m anomaliz.data.nab --bundle $(BUNDLE) $(ARGS)

# Two cores are shared by the tests' own processes: one thread each is the fastest.
test test-fast: export OMP_NUM_THREADS = 1
test test-fast: export TF_NUM_INTRAOP_THREADS = 1
test test-fast: export TF_CPP_MIN_LOG_LEVEL = 3

test: $(INSTALLED) ## run all tests
	$(BIN)/pytest

test-fast: $(INSTALLED) ## run the tests that take seconds
	$(BIN)/pytest -m "not slow"

lint: $(INSTALLED) ## check style, types and import layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(INSTALLED) ## measure latency, throughput, start-up, memory and training time
	$(BIN)/python -m benchmarks

ablations: $(INSTALLED) ## measure what each choice of the series profile is worth; ARGS are further options
	$(BIN)/python -m benchmarks.ablations $(ARGS)

docker-up: ## start api, MLflow and, once, training in containers; wait until ready
	docker compose up --build --detach --wait

docker-up-llm: ## the same with Ollama as the agent's backend
	ANOMALIZ__AGENT__BACKEND=ollama docker compose --profile llm up --build --detach --wait

docker-up-pipelines: ## start node_exporter, Prometheus and a pipeline between them in containers
	docker compose --profile pipelines up --build --detach --wait prometheus node-exporter pipelines

docker-down: ## stop the containers; bundles and volumes stay
	docker compose --profile llm --profile pipelines down

help: ## list the targets
	@echo 'make TARGET [BUNDLE=$(BUNDLE)] [REPORTS=$(REPORTS)]'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-21s%s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# Order-only: a changed dependency is installed, but trains nothing again.
# Precious: make would delete the manifest of a bundle just written when it is interrupted.
.PRECIOUS: $(BUNDLE)/manifest.json
$(BUNDLE)/manifest.json: | $(INSTALLED)
	$(BIN)/anomaliz train --out $(BUNDLE)

$(INSTALLED): pyproject.toml constraints.txt | $(BIN)/pip
	PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

# pip comes last into a virtual environment, so one that was interrupted is made anew.
$(BIN)/pip:
	@python=$$(for python in $(PYTHON); do \
		"$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && \
		echo "$$python" && break; done); \
	[ -n "$$python" ] || { \
		echo 'Python 3.11, 3.12 or 3.13 is needed: install one, or name it with PYTHON=/path/to/python.' >&2; exit 1; }; \
	"$$python" -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$$python has no venv module: on Debian or Ubuntu, apt-get install $${python##*/}-venv." >&2; exit 1; }; \
	echo "$$python -m venv .venv"; "$$python" -m venv --clear .venv
