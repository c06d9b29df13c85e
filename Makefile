.DEFAULT_GOAL := help
bin := .venv/bin
pin := uv pip compile -q --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header

.PHONY: help setup setup-tests run test lint types unit property integration e2e watch test-newest deploy-tests chaos soak bench bench-quick bench-peers docs audit sbom lock browser screenshots

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

setup: ## install everything that is needed, once
	@deploy/setup.sh

run: setup ## show a call turning into callbacks, everything on this machine
	@$(bin)/switchhook dev

test: setup-tests lint ## everything CI runs
	@tests/run.sh

setup-tests: ## what the tests need beyond that: a Chromium
	@deploy/setup.sh --tests

lint: setup ## style, and the one way through the house
	@$(bin)/ruff check -q . && $(bin)/ruff format -q --check . && $(bin)/lint-imports

types: setup ## mypy, strict
	@$(bin)/mypy

unit property integration e2e watch: setup ## one kind of tests
	@$(bin)/pytest tests/$@

test-newest: setup ## unit, property, integration on the newest versions there are
	@tests/newest.sh

deploy-tests: setup ## the files of deploy/ and config/, on real servers where it matters
	@$(bin)/pytest tests/deploy

chaos: setup ## every fault in full length, an hour and 40 minutes; one table
	@$(bin)/pytest tests/chaos -m "not soak" --chaos-full --chaos-report .run/chaos.md

soak: setup ## half an hour at half of the machine's rate
	@$(bin)/pytest tests/chaos -m soak --chaos-full --chaos-report .run/soak.md

bench: setup ## measure everything against the bare loops it is made of
	@$(bin)/switchhook bench

bench-quick: setup ## the two ratios that matter most, in a minute
	@$(bin)/switchhook bench --quick

bench-peers: setup ## Switchhook beside Svix and Outpost, where they are installed
	@$(bin)/switchhook bench peers

browser: setup-tests ## the console in a real Chromium
	@$(bin)/pytest tests/browser

screenshots: setup-tests ## a picture of every page, in .run/screenshots; those of the README
	@$(bin)/pytest tests/browser/test_pages.py tests/browser/test_pictures.py --screenshots .run/screenshots
	@mkdir -p deploy/pictures && cp .run/screenshots/readme/*.webp deploy/pictures/

docs: setup ## write the documents that are made of the code
	@$(bin)/python -m service.dev.documents

audit: setup ## known vulnerabilities of what is pinned
	@$(bin)/python -m service.dev.audit deploy/requirements.lock

sbom: setup ## what is pinned, with hashes, as CycloneDX in .run/sbom.json
	@mkdir -p .run
	@PYTHONWARNINGS=ignore $(bin)/cyclonedx-py requirements deploy/requirements.lock --pyproject pyproject.toml --output-reproducible -o .run/sbom.json

lock: setup ## pin the newest allowed dependencies, with hashes
	@$(pin) pyproject.toml --extra otel -o deploy/requirements.lock
	@$(pin) pyproject.toml --group dev -o deploy/requirements-dev.lock
	@$(pin) --group build -o deploy/requirements-build.lock
