"""From a folder of source to a project that deploys: find its application and dependencies, write the tables."""
