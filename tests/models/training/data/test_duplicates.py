"""Which texts say the same."""

from __future__ import annotations

from models.training.data.duplicates import near_duplicate_groups


def test_near_duplicates_share_a_group() -> None:
    text = "o governo anunciou hoje um novo pacote de medidas para a economia do estado e das cidades"
    keys = [
        text,
        "uma frase que nada tem a ver com as outras aqui",
        f"rt {text}",
        f"{text} veja",
        "ola",
        "ola mundo",
    ]
    assert near_duplicate_groups(keys).tolist() == [0, 1, 0, 0, 4, 5]
