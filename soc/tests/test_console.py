# SPDX-License-Identifier: Apache-2.0
"""What the host makes of a firmware's answers, good and bad; no simulation."""

import pytest

from golden.contract.errors import RunFailed, UserError
from golden.hardware.check import capabilities
from golden.hardware.configuration import Hardware
from soc.console import Answer, Console, FirmwareError
from soc.run import COMPLAINT, summary
from soc.tests.fake_firmware import answering

HARDWARE = Hardware.named("2x8")
WORDS = " ".join(f"{word:08x}" for word in capabilities(HARDWARE))
HELLO = f"psf-soc 1: well, 40 MHz, capabilities {WORDS}\n"


def firmware(**answers: str):
    """Answers by the first word of a command, after a hello."""

    def answer(line: str) -> str:
        word = line.partition(" ")[0]
        if word == "hello":
            return answers.get("hello", HELLO) + "ok\n"
        return answers.get(word, "error: an unknown command\n")

    return answer


@pytest.mark.smoke
def test_answers():
    seen = []
    script = firmware(
        check="package 00c0ffee images 2 classes 3 image_bytes 64\nok\n",
        run="class 2 cycles 77 logits -5 0 12 as expected\nok\n",
        quiet="class 2 cycles 70 logits -5 0 12 as expected\r\nok\r\n",
    )
    with answering(script) as port, Console(port, 5, seen.append) as console:
        assert console.hardware == HARDWARE and console.megahertz == 40
        assert console.check() == ("00c0ffee", 2)
        assert console.run(0) == Answer(2, (-5, 0, 12), 77)
        assert console.run(0, quiet=True) == Answer(2, (-5, 0, 12), 70)
        with pytest.raises(FirmwareError, match="an unknown command"):
            console.command("dance")
    assert HELLO.strip() in seen and "ok" in seen


@pytest.mark.parametrize(
    "answer", ["", "class two\n", "class 1 cycles 2 logits\n", "class 1 cycles 2 logits 3\n" * 2]
)
def test_answers_that_are_none(answer):
    script = firmware(run=f"{answer}ok\n")
    with (
        answering(script) as port,
        Console(port, 5) as console,
        pytest.raises(RunFailed, match="'run 0' is not understood"),
    ):
        console.run(0)


def test_wrong_ports(tmp_path):
    with pytest.raises(UserError, match=r"--port .*nothing cannot be opened"):
        Console(str(tmp_path / "nothing"))
    with (
        answering(lambda line: "") as port,
        pytest.raises(UserError, match=r"nothing answers on .* within 0\.2 s"),
    ):
        Console(port, 0.2)
    with (
        answering(lambda line: "login:\nok\n") as port,
        pytest.raises(UserError, match="is not the firmware"),
    ):
        Console(port, 5)
    with (
        answering(firmware(hello=HELLO.replace("well", "there is no accelerator"))) as port,
        pytest.raises(UserError, match="says: there is no accelerator"),
    ):
        Console(port, 5)


def test_summary_knows_what_is_wrong():
    rows = [{"cycles": 10}, {"cycles": 20}]
    said = f"stopped: {COMPLAINT}"
    good = summary(rows, 0, said, True)
    assert good["problems"] == [] and good["images"] == 2 and good["wrong"] == 0
    assert good["cycles_per_image"] == 15
    assert len(summary(rows, 1, said, True)["problems"]) == 1
    assert len(summary(rows, 0, "", True)["problems"]) == 1
    assert len(summary(rows, 0, said, False)["problems"]) == 1
