"""Changes messages at random, from a seed: bits, octets, ranges cut, doubled, swapped and taken from
other messages; and the elements of ASN.1 BER with all lengths around them made right again."""

OCTETS = (0, 1, 2, 3, 4, 7, 8, 0x0F, 0x10, 0x1F, 0x20, 0x3F, 0x40, 0x7F, 0x80, 0x81, 0xA0, 0xC0,
          0xFE, 0xFF)
WORDS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFF00, 0xFFFF)
LENGTH_MAX = 1400


def change(message, others, chance, keep=0):
    """One change of the message behind its first `keep` octets."""
    out = bytearray(message)
    size = len(out) - keep
    if size <= 0:
        return out
    at = keep + chance.randrange(size)
    kind = chance.randrange(12)
    if kind <= 2:
        out[at] ^= 1 << chance.randrange(8)
    elif kind == 3:
        out[at] = chance.choice(OCTETS)
    elif kind == 4:
        out[at] = (out[at] + chance.choice((-1, 1))) & 0xFF
    elif kind == 5:
        word = chance.choice(WORDS).to_bytes(2, chance.choice(("big", "little")))
        out[at:at + 2] = word[:len(out) - at]
    elif kind == 6:
        del out[at:at + chance.randint(1, min(8, size))]
    elif kind == 7:
        end = at + chance.randint(1, min(16, size))
        out[end:end] = out[at:end]
    elif kind == 8:
        length = chance.randint(1, min(8, size))
        other = keep + chance.randrange(size)
        first, second = sorted((at, other))
        if first + length <= second and second + length <= len(out):
            out[first:first + length], out[second:second + length] = \
                out[second:second + length], out[first:first + length]
    elif kind == 9:
        donor = chance.choice(others)
        start = chance.randrange(len(donor))
        piece = donor[start:start + chance.randint(1, 24)]
        if chance.random() < 0.5:
            out[at:at] = piece
        else:
            out[at:at + len(piece)] = piece
    elif kind == 10:
        donor = chance.choice(others)
        out[at:] = donor[min(at, len(donor)):]
    else:
        out[at:at] = bytes(chance.choice(OCTETS) for _ in range(chance.randint(1, 4)))
    return out[:LENGTH_MAX]


def changes(message, others, chance, keep=0):
    """One to three changes, mostly one."""
    out = bytearray(message)
    for _ in range(chance.choice((1, 1, 1, 1, 2, 2, 3))):
        out = change(out, others, chance, keep)
    return out


class Element:
    """One element of BER: tag octets, and either content octets or elements within."""

    def __init__(self, tag, content=b"", within=None):
        self.tag = bytes(tag)
        self.content = bytes(content)
        self.within = within
        self.long_form = 0  # more length octets than are needed

    def octets(self):
        content = b"".join(each.octets() for each in self.within) \
            if self.within is not None else self.content
        return self.tag + length_octets(len(content), self.long_form) + content

    def all(self):
        yield self
        for each in self.within or ():
            yield from each.all()


def length_octets(length, more=0):
    if length < 0x80 and not more:
        return bytes([length])
    digits = length.to_bytes(max(1, (length.bit_length() + 7) // 8), "big")
    digits = bytes(max(0, more - 1)) + digits
    return bytes([0x80 | len(digits)]) + digits


def elements(octets, opened=()):
    """The elements that fill the octets exactly; None if they do not. Primitive ones whose tag
    is in `opened` hold elements too."""
    found = []
    at = 0
    while at < len(octets):
        start = at
        first = octets[at]
        at += 1
        if first & 0x1F == 0x1F:
            while at < len(octets) and octets[at] & 0x80:
                at += 1
            at += 1
        if at >= len(octets):
            return None
        tag = octets[start:at]
        length = octets[at]
        at += 1
        if length & 0x80:
            count = length & 0x7F
            if count == 0 or count > 3 or at + count > len(octets):
                return None
            length = int.from_bytes(octets[at:at + count], "big")
            at += count
        if at + length > len(octets):
            return None
        content = octets[at:at + length]
        at += length
        within = elements(content, opened) if first & 0x20 or tag in opened else None
        found.append(Element(tag, content, within))
    return found


def change_elements(roots, others, chance):
    """One change in a forest of elements, in place."""
    parents = [roots] + [each.within for root in roots for each in root.all()
                         if each.within is not None]
    parents = [siblings for siblings in parents if siblings]
    siblings = chance.choice(parents)
    at = chance.randrange(len(siblings))
    one = siblings[at]
    kind = chance.randrange(11)
    if kind == 0:
        del siblings[at]
    elif kind == 1:
        siblings.insert(at, one)
    elif kind == 2:
        other = chance.randrange(len(siblings))
        siblings[at], siblings[other] = siblings[other], siblings[at]
    elif kind == 3:
        donor = chance.choice(others)
        siblings.insert(chance.randint(0, len(siblings)),
                        chance.choice([each for root in donor for each in root.all()]))
    elif kind == 4:
        donor = chance.choice(others)
        siblings[at] = chance.choice([each for root in donor for each in root.all()])
    elif kind == 5:
        one.long_form = chance.randint(1, 3)
    elif kind == 6:
        one.tag = bytes([one.tag[0] ^ (1 << chance.randrange(8))]) + one.tag[1:]
    elif kind == 7 and one.within is None:
        # A constructed string of two parts.
        middle = len(one.content) // 2
        one.within = [Element(b"\x04", one.content[:middle]), Element(b"\x04", one.content[middle:])]
        one.tag = bytes([one.tag[0] | 0x20]) + one.tag[1:]
    elif one.within is None:
        donors = [each.content for root in chance.choice(others) for each in root.all()
                  if each.within is None and each.content]
        one.content = bytes(change(one.content or b"\0", donors or [b"\0"], chance))
    else:
        siblings.append(one)
