from tortoise import migrations
from tortoise.migrations import operations as ops
from models.app_device import Kind
from models.identity import How
from tortoise.fields.base import OnDelete
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('models', '0005_bankid')]

    initial = False

    operations = [
        ops.CreateModel(
            name='AppDevice',
            fields=[
                ('id', fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('public_id', fields.CharField(unique=True, max_length=36)),
                ('user', fields.ForeignKeyField('models.User', source_field='user_id', db_constraint=True, to_field='id', related_name='app_devices', on_delete=OnDelete.CASCADE)),
                ('client_id', fields.CharField(max_length=40)),
                ('name', fields.CharField(max_length=80)),
                ('how', fields.CharEnumField(description='', enum_type=How, max_length=20)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('seen_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('address', fields.CharField(default='', max_length=45)),
            ],
            options={'table': 'app_devices', 'app': 'models', 'indexes': [Index(fields=['user_id'])], 'pk_attr': 'id'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='AppCode',
            fields=[
                ('id', fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('token_hash', fields.CharField(unique=True, max_length=64)),
                ('user', fields.ForeignKeyField('models.User', source_field='user_id', db_constraint=True, to_field='id', related_name='app_codes', on_delete=OnDelete.CASCADE)),
                ('session', fields.ForeignKeyField('models.Session', source_field='session_id', null=True, db_constraint=True, to_field='id', related_name='app_codes', on_delete=OnDelete.CASCADE)),
                ('client_id', fields.CharField(max_length=40)),
                ('code_challenge', fields.CharField(max_length=43)),
                ('redirect_uri', fields.CharField(default='', max_length=200)),
                ('device_name', fields.CharField(max_length=80)),
                ('how', fields.CharEnumField(description='', enum_type=How, max_length=20)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('used_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('device', fields.ForeignKeyField('models.AppDevice', source_field='device_id', null=True, db_constraint=True, to_field='id', related_name='codes', on_delete=OnDelete.SET_NULL)),
            ],
            options={'table': 'app_codes', 'app': 'models', 'indexes': [Index(fields=['user_id']), Index(fields=['session_id']), Index(fields=['device_id']), Index(fields=['created_at'])], 'pk_attr': 'id'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='AppLogin',
            fields=[
                ('id', fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('token_hash', fields.CharField(unique=True, max_length=64)),
                ('user', fields.ForeignKeyField('models.User', source_field='user_id', db_constraint=True, to_field='id', related_name='app_logins', on_delete=OnDelete.CASCADE)),
                ('client_id', fields.CharField(max_length=40)),
                ('code_challenge', fields.CharField(max_length=43)),
                ('device_name', fields.CharField(max_length=80)),
                ('tries', fields.IntField(default=0)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'app_logins', 'app': 'models', 'indexes': [Index(fields=['user_id'])], 'pk_attr': 'id'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='AppToken',
            fields=[
                ('id', fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('device', fields.ForeignKeyField('models.AppDevice', source_field='device_id', db_constraint=True, to_field='id', related_name='tokens', on_delete=OnDelete.CASCADE)),
                ('kind', fields.CharEnumField(description='', enum_type=Kind, max_length=10)),
                ('token_hash', fields.CharField(unique=True, max_length=64)),
                ('generation', fields.IntField()),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('rotated_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'app_tokens', 'app': 'models', 'indexes': [Index(fields=['device_id']), Index(fields=['kind', 'created_at'])], 'pk_attr': 'id'},
            bases=['Model'],
        ),
    ]
