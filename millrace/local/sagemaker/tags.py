"""AddTags, ListTags and DeleteTags, for every kind of SageMaker resource."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from millrace.local.sagemaker.resources import paginate
from millrace.local.sagemaker.store import Store
from millrace.local.service import Caller, Handler

PAGE = 50


class TagOperations:
    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {"AddTags": self.add, "ListTags": self.list_tags, "DeleteTags": self.delete}

    def add(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        self._store.tag(params["ResourceArn"], params["Tags"])
        return {"Tags": self._all(params["ResourceArn"])}

    def list_tags(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        return paginate("Tags", self._all(params["ResourceArn"]), params, PAGE)

    def delete(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        self._store.untag(params["ResourceArn"], params["TagKeys"])
        return {}

    def _all(self, arn: str) -> list[dict[str, str]]:
        return [{"Key": key, "Value": value} for key, value in self._store.tags(arn).items()]
