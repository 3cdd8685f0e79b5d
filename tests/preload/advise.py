"""What weir advise says of tests/programs/advised.c, against what is known of each of its functions.

    advise.py exact FILE       of all blocks, as JSON
    advise.py sampled FILE     of sampled ones
"""

import json
import sys

# The function that allocates, or the struct: the advice, the function that outlives the blocks (None: it does not matter, or none
# does), sure.
EXACT = {
    "right_stack": [("stack", "right_stack", True)],
    "make_name": [("stack", "right_stack_of_caller", True)],
    "right_stack_with_result": [("stack", "right_stack_with_result", True)],
    "right_recursion": [("stack", "right_recursion", True)],
    "right_free_last": [("stack", "right_free_last", True)],
    "right_reuse": [("reuse", "right_reuse", True)],
    "right_arena": [("arena", "right_arena", False)],
    "right_pool": [("pool", None, True)],
    "right_begin_large": [("presize", None, True)],
    "right_builder": [("builder", None, True)],
    "right_builder_in_place": [("builder", None, True)],
    "right_fewer": [("fewer", None, True)],
    "right_layout": [("fewer", None, True)],
    "order": [("layout", None, True)],
    "wrong_global": [("reuse", None, True)],
    "wrong_global_late": [("reuse", None, True)],
    "wrong_global_unseen": [("reuse", None, True)],
    "wrong_at_exit": [("reuse", None, True)],
    "wrong_longjmp": [("reuse", None, True)],
    "wrong_coroutine": [("reuse", None, True)],
    "take_turn": [("reuse", None, True)],
    "wrong_callback": [("pool", None, True)],
    "text_of": [("pool", None, True)],
    "wrong_pairs": [("stack", "call_unseen", True)],
    "take_by_pointer": [("stack", "call_unseen", True)],
    "wrong_sometimes": [("stack", "do_each", True)],
    "make_lazy": [("reuse", "main", True)],
    "wrong_tail_call": [("reuse", None, True)],
    "right_tail_call": [("stack", "right_tail_call", True)],
    "main": [("stack", "main", True)],  # strdup
    # Freed by the one that called it: wrong_recursion itself, and begin_recursion.
    "wrong_recursion": [("stack", "wrong_recursion", True), ("stack", "begin_recursion", True)],
}
# These say nothing of a frame, and which one it is does not matter.
FRAMELESS = {"presize", "builder", "pool", "fewer", "layout", "leave"}


def said_of(proposals):
    said = {}
    for one in proposals:
        if one["advice"] == "leave":
            continue
        holder = one.get("outlived_by")
        holder = holder["function"] if holder and one["advice"] not in FRAMELESS else None
        sure = True if one["advice"] in FRAMELESS else one["sure"]
        said.setdefault(one["name"], []).append((one["advice"], holder, sure))
    return said


def check_exact(proposals):
    said = said_of(proposals)
    wrong = 0
    for name in sorted(set(said) | set(EXACT)):
        if sorted(said.get(name, []), key=str) != sorted(EXACT.get(name, []), key=str):
            print(f"{name}: {said.get(name)}, and should be {EXACT.get(name)}")
            wrong += 1
    by_name = {one["name"]: one for one in proposals}
    assert by_name["right_begin_large"]["final_most"] == 4096, by_name["right_begin_large"]
    assert by_name["make_name"]["most"] == 32 and by_name["make_name"]["least"] == 20
    assert by_name["text_of"]["by_thread"] == by_name["text_of"]["objects"]
    assert by_name["wrong_coroutine"]["unknown"] > 0
    for one in proposals:
        assert one["evidence"] and one["text"], one
    print(len(said), "functions")
    return wrong


# A sampled run may name the frame that an exact run names, or one further out, or say that it does not know.
def check_sampled(proposals):
    outer = ["call_unseen", "do_each", "main", "begin_recursion"]
    wrong = 0
    for name, all_said in said_of(proposals).items():
        for advice, holder, sure in all_said:
            known = [one[1] for one in EXACT.get(name, [])]
            if holder is not None and holder not in known and holder not in outer and (sure or advice != "look"):
                print(f"{name}: {advice} of {holder}")
                wrong += 1
            if advice in ("stack", "arena") or (advice == "local" and not sure):
                print(f"{name}: {advice}, which samples do not tell")
                wrong += 1
    looks = {one["name"] for one in proposals if one["advice"] == "look"}
    if not looks & {"right_stack", "right_arena", "right_reuse"}:
        print("it found nothing to look at:", sorted(looks))
        wrong += 1
    return wrong


how, path = sys.argv[1:]
with open(path) as file:
    proposals = json.load(file)["proposals"]
sys.exit(1 if {"exact": check_exact, "sampled": check_sampled}[how](proposals) else 0)
