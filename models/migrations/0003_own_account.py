from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise.fields.base import OnDelete
from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import UniqueConstraint

class Migration(migrations.Migration):
    dependencies = [('models', '0002_forgotten_password')]

    initial = False

    operations = [
        ops.AddField(
            model_name='EmailLink',
            name='delayed_until',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='LoginChallenge',
            name='link',
            field=fields.ForeignKeyField('models.EmailLink', source_field='link_id', null=True, db_constraint=True, to_field='id', related_name='challenges', on_delete=OnDelete.CASCADE),
        ),
        ops.AddIndex(
            model_name='LoginChallenge',
            index=Index(fields=['link_id']),
        ),
        ops.AddField(
            model_name='RecoveryCode',
            name='pending',
            field=fields.BooleanField(default=False, db_default=False),
        ),
        ops.RemoveConstraint(
            model_name='Totp',
            name=None,
            fields=['user_id', 'state'],
        ),
        ops.AddField(
            model_name='Totp',
            name='holder',
            field=fields.CharField(default='', db_default='', max_length=40),
        ),
        ops.AddConstraint(
            model_name='Totp',
            constraint=UniqueConstraint(fields=('user_id', 'state', 'holder'), name=None),
        ),
        ops.AddField(
            model_name='User',
            name='closes_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='User',
            name='former_email_key',
            field=fields.CharField(default='', db_default='', max_length=254),
        ),
        ops.AddField(
            model_name='User',
            name='password_reset_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddIndex(
            model_name='User',
            index=Index(fields=['former_email_key']),
        ),
        ops.AddIndex(
            model_name='User',
            index=Index(fields=['closes_at']),
        ),
    ]
