# Everything a developer or CI does. Targets install what they lack: Debian packages by apt (as root), Python's into .venv.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON := .venv/bin/python
MANAGE := $(PYTHON) manage.py
LOCK := $(shell sha256sum requirements-dev.txt | cut -c1-12)
VENV := .venv/installed-$(LOCK)
PIP_AUDIT := 2.10.1

# To build libvirt-python, for Ceph, and for the browser tests (fonts as people's systems have them, Chinese ones too).
BUILD_PACKAGES := python3-venv python3-dev gcc pkg-config libvirt-dev python3-rbd python3-rados
TEST_PACKAGES := chromium fonts-inter fonts-wqy-microhei

# $(call pytest,part,arguments): output also goes to var/test-<part>.log, whose last line CI repeats;
# tests/minutes.py writes what each area took to var/test-minutes-<part>.json
pytest = mkdir -p var && SCLOUD_TEST_PART=$(1) $(PYTHON) -m pytest $(2) $(ARGS) 2>&1 | tee var/test-$(1).log

.PHONY: help
help: ## This list
	@grep -hE '^[a-z-]+:.*## ' Makefile | awk -F ':.*## ' '{ printf "  %-14s %s\n", $$1, $$2 }'

## --- running -------------------------------------------------------------------------------------------------------

.PHONY: run stop status shell
STORAGE ?= file
run: ## Install, start and load the whole platform on this machine; prints address and log-ins; STORAGE=ceph adds a Ceph cluster
	@python3 docker/onebox up --storage $(STORAGE)

stop: ## Stop all that `make run` started; data stays under var/
	@python3 docker/onebox down

status: ## What runs, and where its logs are
	@python3 docker/onebox status

shell: $(VENV) ## Django's shell on the running platform
	@$(MANAGE) shell

## --- testing -------------------------------------------------------------------------------------------------------

.PHONY: test test-fast test-alone test-slow test-hosts test-beside test-real test-browser campaign bench scale screenshots requirements minutes
test: ## Lint, then all tests on real components, of campaigns a sample (about 50 minutes); leaves nothing running
	@rm -f var/requirements.json var/test-*.log var/test-minutes-*.json
	@trap 'python3 docker/onebox down --instance test' EXIT; \
	$(MAKE) lint; $(MAKE) --keep-going test-fast test-slow; \
	$(PYTHON) -m tests.requirements_report | tail -1; $(PYTHON) -m tests.minutes

test-fast: $(VENV) ## Tests on PostgreSQL and Redis only, which stay up (about 10 minutes); ARGS="-k name" narrows
	@$(call apt,qemu-utils)
	@$(call pytest,fast,-n 2 --dist worksteal -m "not real and not browser and not bench")

HOSTS_UP := python3 docker/onebox up --instance test --only infra
SLOW := (real or browser) and not bench and not pictures

test-alone: $(VENV) ## Each fast test file in a process of its own (long); FILES="tests/api tests/x/test_y.py" narrows
	@$(PYTHON) -m tests.alone $(FILES)

# Both wait more than they compute: on the hosts for guests, beside them for leases and pages.
test-slow: ## All other tests: those on the shared hosts, and beside them those that need none of these
	@$(MAKE) --keep-going --jobs 2 --output-sync=recurse test-hosts test-beside

test-hosts: $(VENV) | test-packages ## Tests, a browser's too, on two hosts with libvirt, QEMU and OVN, which stay up
	@$(HOSTS_UP)
	@$(call pytest,hosts,--timeout 600 -m "$(SLOW) and hosts")

test-beside: $(VENV) | test-packages ## Tests, a browser's too, that take minutes but need none of these hosts
	@$(call pytest,beside,--timeout 600 -m "$(SLOW) and not hosts")

test-real: $(VENV) ## Tests on two hosts with libvirt, QEMU and OVN, which stay up
	@$(HOSTS_UP)
	@$(call pytest,real,--timeout 600 -m "real and not browser and not bench")

test-browser: $(VENV) | test-packages ## A person's journeys in Chromium, against real guests
	@$(HOSTS_UP)
	@$(call pytest,browser,--timeout 600 -m "browser and not bench and not pictures")

# Samples are chosen by what changed: tests/sampling.py.
campaign: $(VENV) | test-packages ## Whole what `make test` runs a sample of: crash points, outages, made-up requests (about an hour)
	@$(HOSTS_UP)
	@SCLOUD_CAMPAIGN=whole; export SCLOUD_CAMPAIGN; \
	$(call pytest,campaign,--timeout 3600 -m "(campaign or campaign_itself) and not pictures")

bench: $(VENV) ## Measurements, each printed beside its aim
	@$(HOSTS_UP)
	@$(call pytest,bench,--timeout 1800 -s -m bench)

SCALE := tests/bench/test_creates.py tests/bench/test_scale_costs.py tests/bench/test_scale_reads.py tests/bench/test_scale.py
scale: $(VENV) ## Measure a simulated site: 1,000 hosts, 25,000 VMs, 20 created and deleted a second (about 15 minutes)
	@$(call pytest,scale,--timeout 1800 -s -m bench $(SCALE))

screenshots: $(VENV) | test-packages ## A picture of every page in var/screenshots/, and those of the README
	@$(HOSTS_UP)
	@rm -rf var/screenshots
	@$(call pytest,screenshots,-m pictures tests/browser/test_screenshots.py)
	@mkdir -p docs/images && cp var/screenshots/readme/*.webp docs/images/

requirements: $(VENV) ## Rows of docs/requirements.md with and without a passing test
	@$(PYTHON) -m tests.requirements_report

minutes: ## Minutes that each area of the tests took in the last run, beside its budget
	@$(PYTHON) -m tests.minutes

## --- code ----------------------------------------------------------------------------------------------------------

.PHONY: lint style types contracts templates django api-diff yaml shellcheck catalogue format openapi messages
CHECKS := style types contracts templates django api-diff yaml shellcheck catalogue
lint: $(VENV) ## Format, style, types, import contracts, templates, migrations, OpenAPI, YAML, shell
	@$(MAKE) --keep-going --jobs 2 --output-sync $(CHECKS)

# No running platform is needed, and none is looked at.
$(CHECKS) openapi messages: export SCLOUD_NO_ENV_FILE = 1
$(CHECKS) openapi messages: export SCLOUD_SECRET_KEY = only-for-checks

style: $(VENV)
	.venv/bin/ruff check
	.venv/bin/ruff format --check

types: $(VENV)
	.venv/bin/mypy

contracts: $(VENV)
	PYTHONPATH=. .venv/bin/lint-imports --no-logo --no-cache

templates: $(VENV)
	.venv/bin/djlint --lint --quiet templates

django: $(VENV)
	$(MANAGE) check --fail-level WARNING
	$(MANAGE) makemigrations --check --dry-run 2>/dev/null

api-diff: $(VENV)
	@mkdir -p var
	$(MANAGE) spectacular --validate --fail-on-warn --file var/openapi.yaml
	diff docs/openapi.yaml var/openapi.yaml || { echo "The API changed: make openapi"; exit 1; }
	$(PYTHON) -m openapi_spec_validator docs/openapi.yaml

yaml: $(VENV)
	.venv/bin/yamllint --strict docker .pre-commit-config.yaml .yamllint
	if command -v docker-compose >/dev/null; then docker-compose -f docker/compose.yaml --env-file docker/env.example config --quiet; fi

shellcheck: $(VENV)
	.venv/bin/shellcheck --severity=warning $$(git grep -lE '^#!.*\b(ba)?sh$$' -- ':!*.md')

CATALOGUE := locale/zh_Hans/LC_MESSAGES/django
# Our English words for the frameworks' messages, written by hand.
ENGLISH := locale/en/LC_MESSAGES/django
MAKEMESSAGES := $(MANAGE) makemessages --locale zh_Hans --no-wrap --no-obsolete --no-location --verbosity 0 \
    --ignore var --ignore docker --ignore tests --ignore scripts --ignore node_modules

# Every text of the code is in the catalogue, translated, and the compiled catalogue is that of the text.
catalogue: $(VENV)
	@$(call apt,gettext)
	@mkdir -p var && cp $(CATALOGUE).po var/committed.po && $(MAKEMESSAGES) && mv $(CATALOGUE).po var/extracted.po && mv var/committed.po $(CATALOGUE).po
	@diff <(grep -v POT-Creation-Date $(CATALOGUE).po) <(grep -v POT-Creation-Date var/extracted.po) || { echo "Texts changed: make messages, then translate what is empty or fuzzy"; exit 1; }
	@msgattrib --untranslated $(CATALOGUE).po | { ! grep . ; } && msgattrib --only-fuzzy $(CATALOGUE).po | { ! grep . ; }
	@msgfmt --check --output-file var/catalogue.mo $(CATALOGUE).po && cmp var/catalogue.mo $(CATALOGUE).mo
	@msgfmt --check --output-file var/english.mo $(ENGLISH).po && cmp var/english.mo $(ENGLISH).mo

messages: $(VENV) ## Take the code's texts into the Chinese catalogue and compile it
	@$(call apt,gettext)
	@mkdir -p $(dir $(CATALOGUE)) && $(MAKEMESSAGES)
	@msgfmt --check --statistics --output-file $(CATALOGUE).mo $(CATALOGUE).po
	@msgfmt --check --output-file $(ENGLISH).mo $(ENGLISH).po

format: $(VENV) ## Rewrite Python files in the house style
	.venv/bin/ruff check --fix --quiet || true
	.venv/bin/ruff format

openapi: $(VENV) ## Write docs/openapi.yaml and docs/errors.md from the code
	$(MANAGE) spectacular --validate --fail-on-warn --file docs/openapi.yaml
	$(PYTHON) -m apps.api.error_codes > docs/errors.md

## --- dependencies --------------------------------------------------------------------------------------------------

.PHONY: venv lock vendor audit build-packages test-packages
venv: $(VENV) ## .venv with the locked packages of requirements-dev.txt

$(VENV): | build-packages
	@test -x .venv/bin/python || /usr/bin/python3.11 -m venv .venv
	@echo "Installing Python packages into .venv (about a minute the first time)"
	@.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@ln -sf /usr/lib/python3/dist-packages/{rbd,rados}.cpython-311-*.so .venv/lib/python3.11/site-packages/
	@rm -f .venv/installed-* && touch $@

UV_LOCK = .venv/bin/uv pip compile --quiet --upgrade --generate-hashes --no-header --no-emit-index-url --no-emit-find-links
lock: $(VENV) ## Newest versions that requirements*.in allow, with hashes, into requirements*.txt
	$(UV_LOCK) --python-version 3.11 requirements.in -o requirements.txt
	$(UV_LOCK) --python-version 3.11 -c requirements.txt requirements-dev.in -o requirements-dev.txt
	$(UV_LOCK) --python-version 3.13 docker/hosts/requirements-agent.in -o docker/hosts/requirements-agent.txt

# Needs the advisories of the package index (https), which CI's machine does not reach; so it is no part of `make test`.
# --strict: a package that could not be looked up fails it, instead of passing unseen.
audit: | build-packages ## Known vulnerabilities of the locked packages; needs the index's advisories
	@test -x var/audit/bin/pip-audit || { /usr/bin/python3.11 -m venv var/audit && var/audit/bin/pip install -q pip-audit==$(PIP_AUDIT); }
	@var/audit/bin/pip-audit --strict --require-hashes --disable-pip -r requirements-dev.txt $(ARGS)

vendor: ## Front-end files of package.json into static/vendor/ (needs npm)
	npm install --ignore-scripts --no-package-lock --no-audit --no-fund --loglevel error
	python3 scripts/vendor.py
	rm -rf node_modules

build-packages:
	@$(call apt,$(BUILD_PACKAGES))

test-packages:
	@$(call apt,$(TEST_PACKAGES))

# $(call apt,names): installs those that are missing
define apt
missing=$$(for name in $(1); do dpkg-query -W -f '$${Status}' $$name 2>/dev/null | grep -q 'ok installed' || echo $$name; done); \
if [[ -n $$missing ]]; then \
    [[ $$(id -u) = 0 ]] || { echo "Run as root once, or: apt-get install "$$missing >&2; exit 1; }; \
    echo "Installing Debian packages:" $$missing; \
    apt-get -qq update; \
    DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 install --no-install-recommends -y $$missing >/dev/null; \
fi
endef
