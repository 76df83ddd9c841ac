"""Runs scim2-server's storage contract against the SCIM server at BASE_URL, with TOKEN.

The contract is written for what is behind a SCIM server. A storage that does everything over SCIM
makes it a suite for the server it speaks to; the server must hold nothing that is to be kept.
"""

import os
import sys

import httpx2
import pytest
import scim2_models
from scim2_models import Context, Error
from scim2_server.storage import ScimStorage, SearchPage
from scim2_server.testing import ScimStorageContract

from summary import print_summary

EXCEPTIONS = {
    404: scim2_models.NotFoundException,
    409: scim2_models.UniquenessException,
    412: scim2_models.PreconditionFailedException,
}
BY_TYPE = {
    "invalidFilter": scim2_models.InvalidFilterException,
    "invalidPath": scim2_models.InvalidPathException,
}


class HttpStorage(ScimStorage):
    """Keeps everything in a SCIM server."""

    def __init__(self, http):
        self.http = http
        config = self._ask("GET", "/ServiceProviderConfig")
        self.supports_cursors = config.get("pagination", {}).get("cursor", False)

    def get(self, resource_type, resource_id, *, response_parameters=None):
        parameters = {}
        if response_parameters is not None:
            parameters = response_parameters.model_dump(mode="json", by_alias=True, exclude_none=True)
        parameters = {
            name: ",".join(value) if isinstance(value, list) else value
            for name, value in parameters.items()
            if name in ("attributes", "excludedAttributes")
        }
        found = self._ask("GET", f"{resource_type.endpoint}/{resource_id}", params=parameters)
        return self._read(found, resource_type)

    def search(self, resource_types, search_request, *, position=None):
        by_name = {each.name: each for each in resource_types}
        body = search_request.model_dump(scim_ctx=Context.SEARCH_REQUEST)
        body.pop("schemas", None)
        if search_request.cursor is not None:
            body["cursor"] = position or ""
        if len(resource_types) == 1:
            page = self._ask("GET", resource_types[0].endpoint, params=body)
        else:
            body["schemas"] = ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]
            page = self._ask("POST", "/.search", json=body)
        return SearchPage(
            total=page.get("totalResults"),
            resources=[self._read(found, by_name[found["meta"]["resourceType"]]) for found in page.get("Resources", [])],
            next=page.get("nextCursor"),
            previous=page.get("previousCursor"),
        )

    def create(self, resource_type, resource):
        body = resource.model_dump(scim_ctx=Context.RESOURCE_CREATION_REQUEST)
        return self._read(self._ask("POST", resource_type.endpoint, json=body), resource_type)

    def update(self, resource_type, resource, *, expected_version=None):
        body = resource.model_dump(scim_ctx=Context.RESOURCE_REPLACEMENT_REQUEST)
        path = f"{resource_type.endpoint}/{resource.id}"
        changed = self._ask("PUT", path, json=body, headers=if_match(expected_version))
        return self._read(changed, resource_type)

    def delete(self, resource_type, resource_id, *, expected_version=None):
        self._ask(
            "DELETE",
            f"{resource_type.endpoint}/{resource_id}",
            headers=if_match(expected_version),
        )

    def clear(self):
        for endpoint in ("/Groups", "/Users"):
            while found := self._ask("GET", endpoint).get("Resources"):
                for resource in found:
                    self._ask("DELETE", f"{endpoint}/{resource['id']}")

    def _read(self, body, resource_type):
        # Where a resource is, is no matter of a storage.
        body.get("meta", {}).pop("location", None)
        return self.models[resource_type.name].model_validate(body)

    def _ask(self, method, path, **request):
        answer = self.http.request(method, path, **request)
        if answer.is_success:
            return answer.json() if answer.content else {}
        error = Error.model_validate(answer.json())
        known = BY_TYPE.get(error.scim_type) or EXCEPTIONS.get(answer.status_code)
        if known is None:
            raise AssertionError(f"{method} {path}: {answer.status_code} {error.detail}")
        raise known(detail=error.detail)


def if_match(version):
    return {} if version is None else {"If-Match": version}


class TestOverHttp(ScimStorageContract):
    @pytest.fixture(scope="session")
    def http(self):
        with httpx2.Client(
            base_url=os.environ["BASE_URL"],
            headers={"Authorization": f"Bearer {os.environ['TOKEN']}"},
            timeout=30,
            trust_env=False,
        ) as http:
            yield http

    @pytest.fixture
    def storage(self, http, user_model, group_model):
        storage = HttpStorage(http)
        storage.models = {"User": user_model, "Group": group_model}
        storage.clear()
        return storage


class Count:
    """Notes how each test went."""

    def __init__(self):
        self.ended = {"passed": [], "failed": [], "skipped": []}

    def pytest_runtest_logreport(self, report):
        if report.when == "call" or report.outcome != "passed":
            self.ended[report.outcome].append(report.nodeid.rsplit("::", 1)[1])


def main():
    count = Count()
    arguments = [__file__, "-p", "no:cacheprovider", "-p", "no:terminal", "--rootdir", os.path.dirname(__file__)]
    pytest.main(arguments + sys.argv[1:], plugins=[count])
    print_summary(len(count.ended["passed"]), count.ended["failed"], count.ended["skipped"])


if __name__ == "__main__":
    main()
