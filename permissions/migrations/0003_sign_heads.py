from django.core import signing
from django.db import migrations


def sign(apps, schema_editor):
    """Sign the ends of the chains that there are; from now on each event signs its own."""
    signer = signing.Signer(salt="permissions.audit")
    heads = apps.get_model("permissions", "AuditHead").objects.using(schema_editor.connection.alias)
    for head in heads.filter(signature="").iterator():
        head.signature = signer.signature(f"{head.root}|{head.sequence}|{head.digest}")
        head.save(update_fields=["signature"])


class Migration(migrations.Migration):
    dependencies = [("permissions", "0002_how_it_came")]
    operations = [migrations.RunPython(sign, migrations.RunPython.noop)]
