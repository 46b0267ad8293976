from tortoise import migrations
from tortoise.migrations import operations as ops
from models import clock, folding
from models.customer_account import ClaimPolicy, CustomerAccount
from models.databases import execute, execute_many, fetch
from models.membership import Role, Status
from tortoise.fields.base import OnDelete
from tortoise import fields
from tortoise.indexes import Index

_BATCH = 5000
_ACCOUNTS = """
    SELECT id, name, customer_number, organisation_number FROM customer_accounts
    WHERE id > ? ORDER BY id LIMIT ?"""
_TOWNS = """
    SELECT customer_account_id, town FROM addresses
    WHERE customer_account_id BETWEEN ? AND ? ORDER BY id"""


async def fill_in(apps, editor):
    """What lists find and sort the accounts by, and when the yearly review is due."""
    last = 0
    while rows := await fetch(_ACCOUNTS, last, _BATCH):
        towns = {}
        for row in await fetch(_TOWNS, rows[0]["id"], rows[-1]["id"]):
            towns.setdefault(row["customer_account_id"], {})[row["town"]] = None
        texts = ("name", "customer_number", "organisation_number")
        keys = [
            (
                folding.search_key(*(row[text] for text in texts), *towns.get(row["id"], {})),
                folding.sort_key(row["name"]),
                row["id"],
            )
            for row in rows
        ]
        await execute_many(
            "UPDATE customer_accounts SET search_key = ?, sort_key = ? WHERE id = ?", keys
        )
        last = rows[-1]["id"]
    await execute(
        "UPDATE customer_accounts SET review_due_at = ? WHERE active_administrators > 0",
        clock.now() + CustomerAccount.REVIEWED_EVERY,
    )


class Migration(migrations.Migration):
    dependencies = [('models', '0003_own_account')]

    initial = False

    operations = [
        ops.CreateModel(
            name='Invitation',
            fields=[
                ('id', fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('customer_account', fields.ForeignKeyField('models.CustomerAccount', source_field='customer_account_id', db_constraint=True, to_field='id', related_name='invitations', on_delete=OnDelete.CASCADE)),
                ('email', fields.CharField(max_length=254)),
                ('email_key', fields.CharField(max_length=254)),
                ('role', fields.CharEnumField(description='', enum_type=Role, max_length=20)),
                ('invited_by', fields.ForeignKeyField('models.User', source_field='invited_by_id', null=True, db_constraint=True, to_field='id', related_name='invitations', on_delete=OnDelete.SET_NULL)),
                ('sent_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'invitations', 'app': 'models', 'unique_together': (('customer_account_id', 'email_key'),), 'indexes': [Index(fields=['invited_by_id']), Index(fields=['sent_at'])], 'pk_attr': 'id'},
            bases=['Model'],
        ),
        ops.AddField(
            model_name='CustomerAccount',
            name='claim_policy',
            field=fields.CharEnumField(default=ClaimPolicy.NOTIFY, description='', db_default='notify', enum_type=ClaimPolicy, max_length=10),
        ),
        ops.AddField(
            model_name='CustomerAccount',
            name='requires_two_factor',
            field=fields.BooleanField(default=False, db_default=False),
        ),
        ops.AddField(
            model_name='CustomerAccount',
            name='review_due_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='CustomerAccount',
            name='reviewed_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='CustomerAccount',
            name='search_key',
            field=fields.TextField(default='', db_default='', unique=False),
        ),
        ops.AddField(
            model_name='CustomerAccount',
            name='sort_key',
            field=fields.CharField(default='', db_default='', max_length=120),
        ),
        ops.AddIndex(
            model_name='CustomerAccount',
            index=Index(fields=['review_due_at']),
        ),
        ops.AddField(
            model_name='EmailLink',
            name='invitation',
            field=fields.ForeignKeyField('models.Invitation', source_field='invitation_id', null=True, db_constraint=True, to_field='id', related_name='links', on_delete=OnDelete.SET_NULL),
        ),
        ops.AddIndex(
            model_name='EmailLink',
            index=Index(fields=['invitation_id']),
        ),
        ops.AddField(
            model_name='Event',
            name='actor',
            field=fields.ForeignKeyField('models.User', source_field='actor_id', null=True, db_constraint=True, to_field='id', related_name='deeds', on_delete=OnDelete.SET_NULL),
        ),
        ops.AddIndex(
            model_name='Event',
            index=Index(fields=['actor_id']),
        ),
        ops.AddField(
            model_name='Membership',
            name='is_favourite',
            field=fields.BooleanField(default=False, db_default=False),
        ),
        ops.AddField(
            model_name='Membership',
            name='last_used_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='Membership',
            name='service_told_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='Membership',
            name='status',
            field=fields.CharEnumField(default=Status.ACTIVE, description='', db_default='active', enum_type=Status, max_length=20),
        ),
        ops.AddIndex(
            model_name='Membership',
            index=Index(fields=['status', 'service_told_at', 'created_at']),
        ),
        ops.AddField(
            model_name='Registration',
            name='link',
            field=fields.ForeignKeyField('models.EmailLink', source_field='link_id', null=True, db_constraint=True, to_field='id', related_name='registrations', on_delete=OnDelete.SET_NULL),
        ),
        ops.AddIndex(
            model_name='Registration',
            index=Index(fields=['link_id']),
        ),
        ops.RunPython(fill_in),
    ]
