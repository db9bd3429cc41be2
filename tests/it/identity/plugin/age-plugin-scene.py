#!/usr/bin/env python3
"""An age plugin after the published protocol (<https://c2sp.org/age-plugin>), for tests: real age and sops take it as well.

The recipient holds the same 32 bytes as the identity, so it protects nothing. `SCENE` in its environment changes what it does:
`pin` asks for a secret, `message` shows a line, `confirm` asks yes or no, `fail` complains, `twice` makes two wraps, `garble`
speaks nonsense, `quit` ends in the middle, `stay` never ends, `huge` and `grease` make no wrap. Each start leaves a line in the file that `SCENE_LOG` names.
"""
import base64, hashlib, os, sys, time

CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def bech32(text):
    text = text.lower()
    data = [CHARSET.index(c) for c in text[text.rindex("1") + 1:-6]]
    bits = int("".join(f"{five:05b}" for five in data), 2) >> (len(data) * 5 % 8)
    return bits.to_bytes(len(data) * 5 // 8, "big")


def b64(data):
    return base64.b64encode(data).decode().rstrip("=")


def unb64(text):
    return base64.b64decode(text + "=" * (-len(text) % 4))


def send(words, body=b""):
    text = b64(body)
    lines = [text[at:at + 64] for at in range(0, len(text), 64)]
    if not lines or len(lines[-1]) == 64:
        lines.append("")
    sys.stdout.write("-> " + " ".join(words) + "\n" + "\n".join(lines) + "\n")
    sys.stdout.flush()


def receive():
    line = sys.stdin.readline()
    if not line:
        sys.exit(1)
    words, text = line.rstrip("\n").split(" ")[1:], ""
    while True:
        part = sys.stdin.readline().rstrip("\n")
        text += part
        if len(part) < 64:
            return words, unb64(text)


def ask(words, body=b""):
    send(words, body)
    return receive()


def mask(secret, nonce):
    return hashlib.sha256(secret + nonce).digest()[:16]


def xor(one, other):
    return bytes(a ^ b for a, b in zip(one, other))


def behave(mode):
    """-> whether to go on"""
    if mode == "message":
        ask(["msg"], "touch the \x1b[31mkey".encode())
    if mode == "pin":
        words, answer = ask(["request-secret"], b"PIN of the key")
        if words != ["ok"] or answer != b"1234":
            ask(["error", "internal"], b"the PIN is wrong")
            return False
    if mode == "confirm":
        words, _ = ask(["confirm", b64(b"plugged in"), b64(b"skip it")], b"use the key")
        if words != ["ok", "yes"]:
            ask(["error", "internal"], b"you said no")
            return False
    if mode == "fail":
        ask(["error", "internal"], b"the key is \x1b[31mnot here")
        return False
    if mode == "garble":
        sys.stdout.write("nonsense\n\n\n")
        sys.stdout.flush()
        return False
    if mode == "quit":
        sys.exit(1)
    return True


def main():
    log, mode = os.environ.get("SCENE_LOG"), os.environ.get("SCENE", "")
    if log:
        with open(log, "a") as file:
            file.write(" ".join(sys.argv[1:]) + "\n")
    given = []
    while True:
        words, body = receive()
        if words[0] == "done":
            break
        given.append((words, body))
    if behave(mode):
        if sys.argv[1] == "--age-plugin=recipient-v1":
            key = next(body for words, body in given if words[0] == "wrap-file-key")
            for words, _ in given:
                if words[0] == "add-recipient":
                    for _ in range(2 if mode == "twice" else 1):
                        nonce = os.urandom(16)
                        secret = bech32(words[1])
                        body = b"x" * 20000 if mode == "huge" else xor(key, mask(secret, nonce))
                        ask(["recipient-stanza", "0", "x-grease" if mode == "grease" else "scene", b64(nonce)], body)
        else:
            secrets = [bech32(words[1]) for words, _ in given if words[0] == "add-identity"]
            for words, body in given:
                if words[0] == "recipient-stanza" and words[2] == "scene":
                    ask(["file-key", "0"], xor(body, mask(secrets[0], unb64(words[3]))))
                    break
    send(["done"])
    if mode == "stay":
        os.close(1)
        time.sleep(60)


main()
