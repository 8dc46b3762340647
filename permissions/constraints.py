"""A foreign key over several columns, so that tenants cannot be mixed even by raw writes."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.backends.ddl_references import Statement, Table


class CompositeForeignKey(models.BaseConstraint):
    """``fields`` of this model together reference ``to_columns`` of the table ``to_table``.

    The target columns need a unique constraint of their own. The reference is declared inline and
    checked at once, so that it survives SQLite's table rebuilds and stops ``bulk_create``,
    ``update`` and reparenting alike; where one of the columns is null nothing is checked.
    ``cascade`` belongs to a field that cascades: Django deletes the rows of a nullable key in any
    order, which a key that is checked at once would not survive. ``to_table`` is a table and not a
    model because SQLite rebuilds a table in an app registry that knows no other model.
    """

    def __init__(
        self,
        *,
        fields: tuple[str, ...],
        to_table: str,
        to_columns: tuple[str, ...],
        name: str,
        cascade: bool = False,
    ) -> None:
        if len(fields) != len(to_columns) or len(fields) < 2:
            raise ValueError(f"{name}: as many fields as target columns, and at least two")
        self.fields = tuple(fields)
        self.to_table = to_table
        self.to_columns = tuple(to_columns)
        self.cascade = cascade
        super().__init__(name=name, violation_error_code="other_account")

    def _body(self, model: Any, schema_editor: Any) -> str:
        quote = schema_editor.quote_name
        columns = ", ".join(quote(model._meta.get_field(name).column) for name in self.fields)
        targets = ", ".join(quote(column) for column in self.to_columns)
        return (
            f"CONSTRAINT {quote(self.name)} FOREIGN KEY ({columns}) "
            f"REFERENCES {quote(self.to_table)} ({targets}) "
            f"{'ON DELETE CASCADE ' if self.cascade else ''}DEFERRABLE INITIALLY IMMEDIATE"
        )

    def constraint_sql(self, model: Any, schema_editor: Any) -> str:
        """Return the clause for ``CREATE TABLE``."""
        return self._body(model, schema_editor)

    def create_sql(self, model: Any, schema_editor: Any) -> Any:
        """Return the statement that adds the constraint to a table that exists."""
        return Statement(
            "ALTER TABLE %(table)s ADD %(body)s",
            table=Table(model._meta.db_table, schema_editor.quote_name),
            body=self._body(model, schema_editor),
        )

    def remove_sql(self, model: Any, schema_editor: Any) -> Any:
        """Return the statement that takes the constraint away."""
        return schema_editor._delete_constraint_sql(schema_editor.sql_delete_fk, model, self.name)

    def validate(
        self, model: Any, instance: Any, exclude: Any = None, using: str = "default"
    ) -> None:
        """Raise ValidationError if the related objects do not belong together."""
        if exclude and set(exclude) & set(self.fields):
            return
        values = [getattr(instance, model._meta.get_field(name).attname) for name in self.fields]
        if any(value is None for value in values):
            return
        for name in self.fields:
            related = model._meta.get_field(name).related_model
            if related is None or related._meta.db_table != self.to_table:
                continue
            by_column = {f.column: f.attname for f in related._meta.concrete_fields}
            match = {by_column[c]: v for c, v in zip(self.to_columns, values, strict=True)}
            if not related._base_manager.using(using).filter(**match).exists():
                raise ValidationError(
                    "These do not belong together: choose them from the same account.",
                    code=self.violation_error_code,
                )
            return

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        """Return what a migration needs to rebuild the constraint."""
        path = f"{self.__class__.__module__}.{self.__class__.__name__}"
        kwargs: dict[str, Any] = {
            "fields": self.fields,
            "to_table": self.to_table,
            "to_columns": self.to_columns,
            "name": self.name,
        }
        if self.cascade:
            kwargs["cascade"] = True
        return path, (), kwargs

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CompositeForeignKey):
            return NotImplemented
        return self.deconstruct() == other.deconstruct()

    def __hash__(self) -> int:
        return hash((self.name, self.fields, self.to_table, self.to_columns))
