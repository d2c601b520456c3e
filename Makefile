# Copyright (c) 2026, The labfleet.conda contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Each target sets up what it needs, so that any of them can be the first command on a new machine.

.DEFAULT_GOAL := help
.PHONY: help test lint demo soak bench docs lab-up lab-down clean venv venv-gates packages browser collections

# What the user has set for other work must not change what is tested.
unexport PYTHONPATH PYTHONHOME ANSIBLE_CONFIG ANSIBLE_INVENTORY

PYTHON := .venv/bin/python
LAB := PYTHONPATH=tests $(PYTHON) -m lab
COLLECTIONS := build/collections

help:
	@echo "make demo      a small fleet on this machine, what the collection sees in it, and the audit report"
	@echo "make test      the tests: unit, gates, integration"
	@echo "make lint      only the quick gates"
	@echo "make docs      the HTML documentation, in build/docs"
	@echo "make soak      the tests that take long: 200 kills of a real update, and those with the mark long"
	@echo "make bench     the benchmark: one table of ratios"
	@echo "make lab-up    start the hosts of the integration tests; make lab-down removes them"
	@echo "make clean     remove what these targets have made in the checkout"

venv:
	@tests/setup.sh venv requirements.txt

venv-gates:
	@tests/setup.sh venv requirements.txt requirements-gates.txt

packages: venv
	@tests/setup.sh packages

browser:
	@tests/setup.sh browser

# The checkout under the name by which Ansible finds a collection.
collections:
	@mkdir -p $(COLLECTIONS)/ansible_collections/labfleet
	@ln -sfn "$(CURDIR)" $(COLLECTIONS)/ansible_collections/labfleet/conda

test: venv-gates packages browser
	@$(PYTHON) -m pytest -n 2 --no-loadscope-reorder

lint: venv-gates
	@$(PYTHON) -m pytest -q tests/unit/test_architecture.py tests/gates/test_style.py tests/gates/test_licences.py \
		tests/gates/test_changelog.py tests/gates/test_action_group.py

demo: venv collections
	@$(LAB) demo .demo
	@echo
	@ANSIBLE_COLLECTIONS_PATH=$(COLLECTIONS) .venv/bin/ansible-playbook -i inventories/demo labfleet.conda.detect
	@echo
	@ANSIBLE_COLLECTIONS_PATH=$(COLLECTIONS) .venv/bin/ansible-playbook -i inventories/demo labfleet.conda.audit \
		-e audit_dest=$(CURDIR)/.demo/report -e audit_storage=true
	@echo
	@if $(LAB) demo-base .demo/base; then \
		ANSIBLE_COLLECTIONS_PATH=$(COLLECTIONS) .venv/bin/ansible-playbook -i localhost, tests/lab/demo_update.yml \
			-e ansible_python_interpreter=$(CURDIR)/$(PYTHON) \
			-e demo_base=$(CURDIR)/.demo/base -e demo_ledger=$(CURDIR)/.demo/log/ledger.jsonl; \
	else test $$? = 3; fi
	@echo
	@echo "The report of the audit is .demo/report/audit.html: open it in a browser."
	@echo "Try next, with your own hosts:"
	@echo "  ANSIBLE_COLLECTIONS_PATH=$(COLLECTIONS) .venv/bin/ansible-playbook -i INVENTORY labfleet.conda.detect"
	@echo "  ANSIBLE_COLLECTIONS_PATH=$(COLLECTIONS) .venv/bin/ansible-playbook -i INVENTORY labfleet.conda.audit \\"
	@echo "    -e audit_dest=\$$PWD/report"
	@echo "or look at one host of the demo in full:"
	@echo "  ANSIBLE_COLLECTIONS_PATH=$(COLLECTIONS) .venv/bin/ansible login01 -i inventories/demo \\"
	@echo "    -m labfleet.conda.conda_info -a 'root={{ conda_root }} gather=records'"

soak: venv-gates packages
	@LABFLEET_LONG=yes LABFLEET_SHELLS=all LABFLEET_KILLS=$${LABFLEET_KILLS:-200} $(PYTHON) -m pytest -s \
		tests/integration/test_update_kill.py tests/integration/test_update_faults.py tests/integration/test_entrypoint.py
	@LABFLEET_LONG=yes $(PYTHON) -m pytest -m long

bench: venv packages collections
	@$(PYTHON) tests/benchmark/bench.py

docs: venv-gates
	@PYTHONPATH=tests $(PYTHON) -m gates.docs_site build/docs

lab-up: packages
	@$(LAB) up

lab-down: venv
	@$(LAB) down

clean:
	rm -rf .venv .demo build .pytest_cache .ruff_cache .hypothesis .ansible tests/output
	find plugins tests -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo "The cache of downloads and virtual environments stays: $${LABFLEET_CACHE:-$${XDG_CACHE_HOME:-$$HOME/.cache}/labfleet-conda}"
