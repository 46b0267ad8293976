from tortoise import migrations
from tortoise.migrations import operations as ops
from models.bankid_flow import Intent, Progress
from tortoise.fields.base import OnDelete
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('models', '0004_customer_accounts')]

    initial = False

    operations = [
        ops.CreateModel(
            name='BankIDFlow',
            fields=[
                ('id', fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('public_id', fields.CharField(unique=True, max_length=43)),
                ('token_hash', fields.CharField(max_length=64)),
                ('intent', fields.CharEnumField(description='', enum_type=Intent, max_length=12)),
                ('session', fields.ForeignKeyField('models.Session', source_field='session_id', null=True, db_constraint=True, to_field='id', related_name='bankid_flows', on_delete=OnDelete.CASCADE)),
                ('is_same_device', fields.BooleanField()),
                ('next_path', fields.CharField(default='', max_length=500)),
                ('address', fields.CharField(default='', max_length=45)),
                ('status', fields.CharEnumField(default=Progress.PENDING, description='', enum_type=Progress, max_length=10)),
                ('hint', fields.CharField(default='outstandingTransaction', max_length=40)),
                ('has_trouble', fields.BooleanField(default=False)),
                ('begun_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('order_encrypted', fields.BinaryField(null=True)),
                ('order_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('renewals', fields.IntField(default=0)),
                ('next_collect_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('nonce_hash', fields.CharField(default='', max_length=64)),
                ('person_encrypted', fields.BinaryField(null=True)),
                ('risk', fields.CharField(default='', max_length=10)),
                ('completed_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('used_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'bankid_flows', 'app': 'models', 'indexes': [Index(fields=['token_hash']), Index(fields=['session_id']), Index(fields=['begun_at'])], 'pk_attr': 'id'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='BankIDIdentity',
            fields=[
                ('id', fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('user', fields.OneToOneField('models.User', source_field='user_id', db_constraint=True, to_field='id', related_name='bankid', on_delete=OnDelete.CASCADE)),
                ('person_key', fields.CharField(unique=True, max_length=64)),
                ('person_encrypted', fields.BinaryField()),
                ('name', fields.CharField(max_length=160)),
                ('linked_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('last_used_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'bankid_identities', 'app': 'models', 'pk_attr': 'id'},
            bases=['Model'],
        ),
        ops.AddField(
            model_name='Registration',
            name='identified_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='Registration',
            name='person_encrypted',
            field=fields.BinaryField(null=True),
        ),
    ]
