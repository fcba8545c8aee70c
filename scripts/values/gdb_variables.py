"""The variables of every frame of every thread, as gdb has them, as one line of JSON behind `VARIABLES `.

Run by compare-values.ts: gdb -batch -x gdb_variables.py PROGRAM CORE. A frame is {function, pc, variables}; a variable
{name, argument, type, value}. Numbers, texts and lists stand as they are, pointers as {pointer}, structs as objects by
field; what gdb has not is {gone: why}.
"""
import json

import gdb

LIMIT = 64
COMPOUND = (gdb.TYPE_CODE_ARRAY, gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION)
DEPTH = 12


def plain(value, depth=0):
    try:
        if value.is_optimized_out:
            return {"gone": "optimized out"}
        kind = value.type.strip_typedefs()
        if depth > DEPTH:
            return {"gone": "too deep"}
        printer = gdb.default_visualizer(value)
        if printer is not None:
            return printed(printer, depth)
        code = kind.code
        if code in (gdb.TYPE_CODE_PTR, gdb.TYPE_CODE_METHODPTR):
            return {"pointer": hex(int(value) & (2**64 - 1))}
        if code in (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF):
            return plain(value.referenced_value(), depth + 1)
        text = "" if code in COMPOUND else value.format_string(max_elements=1)
        if "optimized out" in text or "synthetic pointer" in text:
            return {"gone": text}
        if code == gdb.TYPE_CODE_BOOL:
            return int(value) != 0
        if code in (gdb.TYPE_CODE_ENUM, gdb.TYPE_CODE_FLAGS):
            return str(value)
        if code in (gdb.TYPE_CODE_INT, gdb.TYPE_CODE_CHAR):
            number = int(value)
            return number if abs(number) < 2**53 else str(number)
        if code == gdb.TYPE_CODE_FLT:
            return {"float": value.format_string()}
        if code == gdb.TYPE_CODE_ARRAY:
            return array(value, kind, depth)
        if code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION):
            return struct(value, kind, depth)
        return {"other": str(value)}
    except (gdb.error, gdb.MemoryError, RuntimeError) as error:
        return {"gone": str(error)}


def printed(printer, depth):
    """What a library's own printer makes of it."""
    hint = printer.display_hint() if hasattr(printer, "display_hint") else None
    if hint == "string":
        text = printer.to_string()
        if hasattr(text, "value"):
            # A lazy string has its length beside it.
            length = text.length if text.length >= 0 else LIMIT
            data = gdb.selected_inferior().read_memory(text.address, min(length, LIMIT)).tobytes()
            return {"text": data.decode("utf-8", "replace")}
        return {"text": str(text)[:LIMIT]}
    children = []
    if hasattr(printer, "children"):
        for name, child in printer.children():
            children.append((name, plain(child, depth + 1) if isinstance(child, gdb.Value) else {"other": str(child)}))
            if len(children) >= 2 * LIMIT:
                break
    if hint == "map":
        items = [item for _, item in children]
        return {"pairs": [list(pair) for pair in zip(items[0::2], items[1::2])]}
    if hint == "array":
        return [item for _, item in children[:LIMIT]]
    return {"other": str(printer.to_string()), "children": dict(children)}


def array(value, kind, depth):
    low, high = kind.range()
    element = kind.target().strip_typedefs()
    if element.code in (gdb.TYPE_CODE_INT, gdb.TYPE_CODE_CHAR) and element.sizeof == 1:
        data = bytes(int(value[at]) & 255 for at in range(low, min(high + 1, low + LIMIT)))
        return {"text": data.split(b"\0")[0].decode("utf-8", "replace")}
    return [plain(value[at], depth + 1) for at in range(low, min(high + 1, low + LIMIT))]


def struct(value, kind, depth):
    out = {}
    for field in kind.fields():
        if not hasattr(field, "bitpos") or (field.artificial and not field.is_base_class):
            continue
        name = field.name
        if name and name.startswith("_vptr"):
            continue
        inner = plain(value[field], depth + 1)
        if name:
            out["<%s>" % name if field.is_base_class else name] = inner
        else:
            out.setdefault("", inner)
    return out


def variables(frame):
    found = []
    try:
        block = frame.block()
    except RuntimeError:
        return None
    while block is not None and not block.is_global and not block.is_static:
        for symbol in block:
            if not (symbol.is_argument or symbol.is_variable):
                continue
            try:
                value = plain(symbol.value(frame))
            except (gdb.error, gdb.MemoryError, RuntimeError) as error:
                value = {"gone": str(error)}
            found.append(
                {"name": symbol.name, "argument": symbol.is_argument, "type": str(symbol.type), "value": value}
            )
        if block.function is not None:
            break
        block = block.superblock
    return found


def main():
    gdb.execute("set print elements %d" % LIMIT)
    stacks = []
    for thread in gdb.selected_inferior().threads():
        thread.switch()
        frames = []
        frame = gdb.newest_frame()
        while frame is not None and len(frames) < 200:
            frames.append({"function": frame.name(), "pc": hex(frame.pc()), "variables": variables(frame)})
            try:
                frame = frame.older()
            except gdb.error:
                break
        stacks.append({"thread": thread.ptid[1], "frames": frames})
    print("VARIABLES " + json.dumps(stacks))


main()
