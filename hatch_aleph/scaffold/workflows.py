"""Workflows for continuous integration: plan and preview on pull requests, deploy on tags.

What is built never sees the key: one job builds, another one, which runs no code of the project, signs.
"""

from __future__ import annotations

from string import Template
from typing import Literal

from hatch_aleph.errors import UsageError
from hatch_aleph.installation import requirement

Service = Literal["github", "gitlab"]
FILES: dict[Service, str] = {"github": ".github/workflows/aleph.yml", "gitlab": ".gitlab-ci.yml"}
PREVIEW_PROFILE = "pr-*"


def workflow(service: Service, installed: str) -> str:
    """Return the text of a workflow.

    Args:
        service: Whose form.
        installed: What installs this tool there, as pip takes it.
    """
    return Template({"github": _GITHUB, "gitlab": _GITLAB}[service]).substitute(requirement=installed)


def own_requirement() -> str:
    """Return the requirement by which another machine gets the tool that runs here.

    Raises:
        UsageError: It was installed from a folder or file, which no other machine has.
    """
    found = requirement("[deploy]")
    if " @ file:" not in found:
        return found
    raise UsageError(
        "This hatch-aleph was installed from a folder or a file, which a CI machine does not have",
        hint="Say what installs it there: --install 'hatch-aleph[deploy] @ git+https://...'.",
    )


_GITHUB = """\
# Written by `hatch-aleph init --ci github`; yours from now on.
#
# Pull requests of this repository get a plan and a preview, tags v* are deployed. Secrets to set:
#   ALEPH_PRIVATE_KEY  key that signs; better one of its own than the owner's
# Variables: ALEPH_ADDRESS, the address that owns the programs, so that plans need no key.
name: aleph
on:
  push:
    tags: ["v*"]
  pull_request:
    types: [opened, synchronize, reopened, closed]
permissions:
  contents: read
concurrency:
  group: aleph-$${{ github.ref }}
env:
  # Only the last step of each job that signs sees the key.
  HATCH_ALEPH: "$requirement"
  PROFILE: $${{ github.event_name == 'pull_request' && format('pr-{0}', github.event.number) || '' }}
  HATCH_ALEPH_CACHE: $${{ github.workspace }}/.cache/hatch-aleph

jobs:
  build:
    if: github.event.action != 'closed'
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
        with: { fetch-depth: 0, persist-credentials: false }
      - uses: actions/setup-python@v5
        with: { python-version: "3.11" }
      - uses: actions/cache@v4
        with:
          path: .cache/hatch-aleph
          key: hatch-aleph-$${{ hashFiles('pyproject.toml', '*.lock', 'pylock*.toml', 'requirements*.txt') }}
          restore-keys: hatch-aleph-
      - run: python -m pip install "$$HATCH_ALEPH"
      - run: hatch-aleph build --out dist $${PROFILE:+--profile "$$PROFILE"}
      - uses: actions/upload-artifact@v4
        with: { name: aleph, path: dist, if-no-files-found: error }

  plan:
    needs: build
    if: github.event_name == 'pull_request'
    runs-on: ubuntu-latest
    permissions: { contents: read, pull-requests: write }
    steps:
      - uses: actions/checkout@v4
        with: { persist-credentials: false }
      - uses: actions/setup-python@v5
        with: { python-version: "3.11" }
      - uses: actions/download-artifact@v4
        with: { name: aleph, path: dist }
      - run: python -m pip install "$$HATCH_ALEPH"
      - run: |
          export GITHUB_STEP_SUMMARY=plan.md
          hatch-aleph plan --no-build --profile "$$PROFILE" $${ADDRESS:+--address "$$ADDRESS"}
        env:
          ADDRESS: $${{ vars.ALEPH_ADDRESS }}
      - if: github.event.pull_request.head.repo.full_name == github.repository
        run: gh pr comment "$$NUMBER" --edit-last --create-if-none --body-file plan.md
        env:
          GH_TOKEN: $${{ github.token }}
          NUMBER: $${{ github.event.number }}

  deploy:
    needs: build
    # A pull request from elsewhere sees no secrets, so it gets no preview.
    if: github.event_name == 'push' || github.event.pull_request.head.repo.full_name == github.repository
    runs-on: ubuntu-latest
    environment: $${{ github.event_name == 'push' && 'production' || 'preview' }}
    steps:
      - uses: actions/checkout@v4
        with: { persist-credentials: false }
      - uses: actions/setup-python@v5
        with: { python-version: "3.11" }
      - uses: actions/download-artifact@v4
        with: { name: aleph, path: dist }
      - run: python -m pip install "$$HATCH_ALEPH"
      - run: hatch-aleph deploy --no-build --yes $${PROFILE:+--profile "$$PROFILE"}
        env:
          ALEPH_PRIVATE_KEY: $${{ secrets.ALEPH_PRIVATE_KEY }}

  remove-preview:
    if: github.event.action == 'closed' && github.event.pull_request.head.repo.full_name == github.repository
    runs-on: ubuntu-latest
    environment: preview
    steps:
      - uses: actions/checkout@v4
        with: { persist-credentials: false }
      - uses: actions/setup-python@v5
        with: { python-version: "3.11" }
      - run: python -m pip install "$$HATCH_ALEPH"
      - run: hatch-aleph delete --missing-ok --yes --profile "$$PROFILE"
        env:
          ALEPH_PRIVATE_KEY: $${{ secrets.ALEPH_PRIVATE_KEY }}
"""

_GITLAB = """\
# Written by `hatch-aleph init --ci gitlab`; yours from now on.
#
# Merge requests get a plan and a preview, tags v* are deployed. Variables to set (masked, protected):
#   ALEPH_PRIVATE_KEY  key that signs, visible to the environments `production` and `preview/*` alone
#   ALEPH_ADDRESS      the address that owns the programs, so that plans need no key
stages: [build, plan, deploy]

.aleph:
  image: python:3.11
  variables:
    HATCH_ALEPH: "$requirement"
    HATCH_ALEPH_CACHE: $$CI_PROJECT_DIR/.cache/hatch-aleph
  before_script:
    - python -m pip install --quiet "$$HATCH_ALEPH"
    - if [ -n "$$CI_MERGE_REQUEST_IID" ]; then export PROFILE="pr-$$CI_MERGE_REQUEST_IID"; fi
  rules:
    - if: $$CI_COMMIT_TAG =~ /^v/
    - if: $$CI_PIPELINE_SOURCE == "merge_request_event"

aleph build:
  extends: .aleph
  stage: build
  cache:
    key: { files: [pyproject.toml] }
    paths: [.cache/hatch-aleph]
  script:
    - hatch-aleph build --out dist $${PROFILE:+--profile "$$PROFILE"}
  artifacts: { paths: [dist], expire_in: 1 week }

aleph plan:
  extends: .aleph
  stage: plan
  script:
    - hatch-aleph plan --no-build $${PROFILE:+--profile "$$PROFILE"} $${ALEPH_ADDRESS:+--address "$$ALEPH_ADDRESS"}

aleph deploy:
  extends: .aleph
  stage: deploy
  script:
    - hatch-aleph deploy --no-build --yes
  environment: { name: production }
  rules:
    - if: $$CI_COMMIT_TAG =~ /^v/

aleph preview:
  extends: .aleph
  stage: deploy
  script:
    - hatch-aleph deploy --no-build --yes --profile "$$PROFILE"
  environment:
    name: preview/$$CI_MERGE_REQUEST_IID
    on_stop: aleph remove preview
  rules:
    - if: $$CI_PIPELINE_SOURCE == "merge_request_event"

aleph remove preview:
  extends: .aleph
  stage: deploy
  script:
    - hatch-aleph delete --missing-ok --yes --profile "$$PROFILE"
  environment:
    name: preview/$$CI_MERGE_REQUEST_IID
    action: stop
  rules:
    - if: $$CI_PIPELINE_SOURCE == "merge_request_event"
      when: manual
      allow_failure: true
"""
