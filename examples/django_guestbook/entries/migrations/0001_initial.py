"""The first table."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Make the table of entries."""

    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="Entry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=80)),
                ("written", models.DateTimeField(auto_now_add=True)),
            ],
        )
    ]
