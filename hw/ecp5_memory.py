"""What a memory costs on an ECP5, and where the open synthesizer puts it when left to choose (seen with Yosys 0.70)."""

from __future__ import annotations

from math import ceil

from hw.op import Resources

# Of one block RAM: it is chosen above this many bits of ROM, or this many 16x4 cells of distributed RAM.
ROM_BITS_PER_BLOCK = 2048
CELLS_PER_BLOCK = 16
LUT4_PER_CELL = 6
# So many LUT4 an LFE5U-85F has for each of its block RAMs.
LUT4_PER_BLOCK = 402
# A writable memory with contents from the start is a flip-flop per bit otherwise, so that a block is worth it sooner.
WRITABLE_BITS_PER_BLOCK = 256


def block_rams(words: int, width: int) -> int:
    """18-kbit blocks of 512x36, 1024x18, 2048x9, 4096x4, 8192x2 or 16384x1 for `words` words of `width` bits."""
    shapes = ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1))
    return min(ceil(words / depth) * ceil(width / bits) for depth, bits in shapes)


def in_blocks(words: int, width: int, writable: bool = False) -> bool:
    """Whether a memory with contents from the start, left to "auto", is worth a block RAM."""
    bits = WRITABLE_BITS_PER_BLOCK if writable else ROM_BITS_PER_BLOCK
    return words > 1 and words * width > bits * block_rams(words, width)


def rom(words: int, width: int, memory: str = "auto") -> Resources:
    """Read-only, registered output. `memory`: "auto", "distributed" (logic) or "block". One word is a constant."""
    blocks = block_rams(words, width)
    if words == 1:
        return Resources()
    if memory == "block" or memory == "auto" and in_blocks(words, width):
        return Resources(ebr=blocks)
    if words <= 8:  # so few words share functions, and those of one address bit need no LUT
        address = (words - 1).bit_length()
        return Resources(lut4=min(width, (1 << words) // 2 - 1 - address), ff=min(width, (1 << words) - 2))
    # A LUT4 holds 16 words of one bit; its tile multiplexes eight of them, more cost a quarter more.
    cells = ceil(words / 16)
    return Resources(lut4=width * (cells if cells <= 8 else ceil(cells * 5 / 4)), ff=width)


def rewritable(words: int, width: int, columns: int, memory: str = "auto") -> Resources:
    """Contents from the start, written in `columns`, registered output: block RAM, or a flip-flop per bit with a
    multiplexer behind the words and an enable for every column of every word."""
    if memory == "block" or memory == "auto" and in_blocks(words, width, writable=True):
        return Resources(lut4=8 * columns, ebr=block_rams(words, width))
    return Resources(lut4=ceil(width * (words - 1) * 0.75) + words * columns, ff=words * width + width)


def ram(words: int, width: int) -> Resources:
    """One write port, one read port with a registered output."""
    deep, blocks = ceil(words / 16), block_rams(words, width)
    cells = deep * ceil(width / 4)
    if cells > CELLS_PER_BLOCK * blocks:
        return Resources(ebr=blocks)
    return Resources(lut4=LUT4_PER_CELL * cells + width * (deep - 1), ff=width)
