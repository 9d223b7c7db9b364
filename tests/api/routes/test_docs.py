import re

from starlette.testclient import TestClient


def test_the_page_asks_for_nothing_from_elsewhere(client: TestClient) -> None:
    page = client.get("/docs").text
    asked = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert asked
    for address in asked:
        assert address.startswith("/docs/")
        assert client.get(address).status_code == 200
    assert "https://" not in page


def test_the_page_loads_the_document(client: TestClient) -> None:
    assert "/openapi.json" in client.get("/docs").text


def test_no_other_file_is_served(client: TestClient) -> None:
    for path in ("/docs/redoc.standalone.js", "/docs/..%2f__init__.py", "/docs/passwd"):
        assert client.get(path).status_code in {404, 422}
