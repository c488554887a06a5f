"""Addresses."""

from django.urls import path
from entries.views import entries

urlpatterns = [path("", entries)]
