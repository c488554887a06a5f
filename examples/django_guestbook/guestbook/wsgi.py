"""The application that servers call."""

import os

from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guestbook.settings")
application = get_wsgi_application()
# A program has no shell to migrate from, and one machine only, so nobody migrates at the same time.
call_command("migrate", verbosity=0)
