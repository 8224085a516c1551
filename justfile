# Recipes for people who like them. Everything here is a short name for a command that works without it.

# list the recipes
default:
    @just --list

# the whole test suite, as CI runs it
test *ARGS:
    ./wolke test {{ARGS}}

# formatting, lint, types, layers
check:
    .venv/bin/ruff format --check .
    .venv/bin/ruff check .
    .venv/bin/mypy
    .venv/bin/lint-imports

# mend what a machine can mend
fix:
    .venv/bin/ruff format .
    .venv/bin/ruff check --fix .

# the reference pages and the sample configuration, from the tables
reference:
    .venv/bin/python docs/generate.py

# ratios against nginx and others in the same run
bench *ARGS:
    .venv/bin/python -m tests.bench {{ARGS}}

# other people's test suites against a running cloud of our own: `just conformance smoke`; a long one in parts:
# `just conformance compute --part 2/6 --results FOLDER`, and what failed once more: `--again --results FOLDER`
conformance SUITE="smoke" *ARGS:
    .venv/bin/python tests/conformance/run.py {{SUITE}} --write {{ARGS}}

# lock the dependencies again (hashes, no addresses)
lock:
    .venv/bin/uv pip compile -q --generate-hashes --no-emit-index-url --no-header --group dev pyproject.toml -o requirements-dev.lock
    .venv/bin/uv pip compile -q --generate-hashes --no-emit-index-url --no-header pyproject.toml -c requirements-dev.lock -o requirements.lock
