"""Plugins of others take part in a build."""

import pytest

from hatch_aleph.build.code import build_code
from hatch_aleph.build.context import BuildContext
from hatch_aleph.build.packages import PackagesResult
from hatch_aleph.hookspecs import hookimpl
from hatch_aleph.plugins import PLUGINS
from hatch_aleph.project import load_project
from hatch_aleph.squashfs import Entry, list_image


class Plugin:
    @hookimpl
    def aleph_extra_files(self, project, settings):
        yield Entry("build-info.txt", "file", 0o644, f"{project.version} {settings.entrypoint}".encode())


@pytest.fixture
def _plugin():
    plugin = Plugin()
    PLUGINS.manager.register(plugin)
    yield
    PLUGINS.manager.unregister(plugin)


@pytest.mark.usefixtures("_plugin")
def test_extra_files_travel_in_the_code_image(make_project, tmp_path):
    project = load_project(make_project())
    image = build_code(BuildContext(project, tmp_path), tmp_path, None, lambda: PackagesResult(None))
    assert "build-info.txt" in {member.path for member in list_image(tmp_path / image.file)}


def test_an_unknown_hook_is_refused():
    class Wrong:
        @hookimpl
        def aleph_nonsense(self):
            pass

    wrong = Wrong()
    PLUGINS.manager.register(wrong)
    try:
        with pytest.raises(Exception, match="unknown hook 'aleph_nonsense'"):
            PLUGINS.manager.check_pending()
    finally:
        PLUGINS.manager.unregister(wrong)
