#!/usr/bin/env bash
# weir layout: its sizes and holes are those of the compiler and of pahole; the compiler confirms its orders; what it may not move.
source "$(dirname "${BASH_SOURCE[0]}")/support.bash"
: "${WEIR:?the weir command}" "${PYTHON:?python3}"
export WEIR CC
WEIR=$(realpath "$WEIR")
CHECK=("$PYTHON" "$SOURCES/tests/preload/layout.py")
need "$CC" "$CXX"
"$WEIR" layout none 2>&1 | grep -F 'built without' >/dev/null && echo "SKIPPED: built without elfutils" && exit 77
cd "$SCRATCH"

echo "structs at random: as the program that was built of them says"
"${CHECK[@]}" source 1 >random.c
for how in "-gdwarf-5" "-gdwarf-4" "-gdwarf-3 -gstrict-dwarf" "-gdwarf-5 -gsplit-dwarf" "-gdwarf-5 -gz"; do
    "$CC" $how -w -o random random.c
    "${CHECK[@]}" truth ./random || fail "$how"
    "${CHECK[@]}" proof ./random || fail "$how"
    if command -v pahole >/dev/null && [[ $how = -gdwarf-[45] ]]; then
        "${CHECK[@]}" pahole ./random || fail "$how"
    fi
done
if command -v clang >/dev/null; then
    for how in "-gdwarf-5" "-gdwarf-4" "-gdwarf-5 -gsplit-dwarf"; do
        clang $how -w -o random random.c
        "${CHECK[@]}" truth ./random || fail "clang $how"
    done
fi

echo "a stripped program, and its debug file: beside it, by build id in a folder, nowhere"
"$CC" -g -w -Wl,--build-id -o random random.c
objcopy --only-keep-debug random random.debug
objcopy --strip-debug --add-gnu-debuglink=random.debug random stripped
"${CHECK[@]}" truth ./stripped || fail "debug link"
id=$(readelf -n random | sed -n 's/ *Build ID: //p')
mkdir -p "debug/.build-id/${id:0:2}"
mv random.debug "debug/.build-id/${id:0:2}/${id:2}.debug"
"$WEIR" layout --debug-path debug --type s1 ./stripped | grep '^struct s1,' >/dev/null || fail "by build id"
rm -r debug
said=$("$WEIR" layout ./stripped 2>&1) && fail "no debug information: status 0"
[ "$(wc -l <<<"$said")" = 1 ] && grep -q 'no debug information' <<<"$said" || fail "$said"
for file in /nowhere /etc/passwd "$SCRATCH"; do
    said=$("$WEIR" layout "$file" 2>&1) && fail "$file: status 0"
    [ "$(wc -l <<<"$said")" = 1 ] || fail "$file: $said"
done

echo "what is suggested, and what is not"
cat >known.cc <<'END'
#include <cstdint>
struct order { int id; char flags; long sum; char kind; };
struct node { node *next; };
struct listed { node link; char a; long b; char c; };
struct file_head { uint8_t version; uint32_t length; uint8_t kind; };
struct __attribute__((packed)) wire { char a; long b; char c; };
struct aligned { char a; alignas(64) long b; char c; };
struct tail { char a; long b; char c; long rest[]; };
struct bits { char a; unsigned b : 3; unsigned c : 30; char d; long e; char f; };
struct base { virtual ~base() {} long x; char y; };
struct derived : base { char in_padding; long z; char last; };
struct empty {};
struct with_empty : empty { char a; long b; char c; };
struct shared : virtual base { char a; long b; char c; };
namespace space { struct inside { char a; long b; char c; static int none; }; int inside::none; }
template <class T> struct pair_of { char a; T b; char c; };
typedef struct { char a; long b; char c; } unnamed;
union either { char a; long b; };
order v1; listed v2; file_head v3; wire v4; aligned v5; tail *v6; bits v7; derived v8; with_empty v9; shared v10;
space::inside v11; pair_of<long> v12; unnamed v13; either v14;
int main() {}
END
"$CXX" -std=c++17 -g -w -o known known.cc
"$WEIR" layout --all --json known >known.json
"$PYTHON" - known.json <<'END' || fail "suggestions"
import json, sys
of = {one["name"]: one for one in json.load(open(sys.argv[1]))["types"]}
best = {"order": (24, 16), "listed": (32, 24), "file_head": (12, 8), "bits": (32, 24), "with_empty": (24, 16),
        "space::inside": (24, 16), "pair_of<long int>": (24, 16), "unnamed": (24, 16), "tail": (24, 16), "derived": (40, 32)}
for name, sizes in best.items():
    assert (of[name]["size"], of[name].get("best", {}).get("size")) == sizes, of[name]
for name in ("wire", "aligned", "shared", "either", "base", "node", "empty"):
    assert "best" not in of[name], of[name]
for name in ("wire", "aligned", "shared", "file_head"):
    assert of[name]["check"], of[name]
assert of["listed"]["best"]["order"][0] == 0 and of["tail"]["best"]["order"][-1] == 3
print(len(of), "structs")
END
"$WEIR" layout known | grep -F 'struct order, known.cc:2: move `kind` behind `flags`' || fail "the move"
"$WEIR" layout --type order known | grep -E ' +5 +3 +\(hole\)' || fail "the hole"
said=$("$WEIR" layout --type nothing known 2>&1) && fail "no such struct: status 0"
grep -qF 'it has no struct nothing' <<<"$said" || fail "$said"

echo "the objects of a heap profile: what is sure, likely, not known"
cat >live.c <<'END'
#include <stdlib.h>
struct one { char a; long b; char c; };
struct two { int x[30]; };
struct three { long y[15]; };
struct four { char n[333]; };
static void *keep[10000];
static struct one *first;
static struct three *third;
int main(void)
{
    int n = 0;
    struct two *two;
    struct four *four;
    for (int i = 0; i < 100; i++) {
        keep[n++] = malloc(sizeof(struct one));
        keep[n++] = calloc(10, sizeof(struct one));
        keep[n++] = two = malloc(sizeof *two);
        keep[n++] = four = malloc(sizeof *four);
    }
    first = keep[0];
    return !two || !four || third;
}
END
"$CC" -g -o live live.c
"$WEIR" run --profile=live.heap --profile-rate=1 -- ./live
"$WEIR" layout --all --json --profile=live.heap live >live.json
"$PYTHON" - live.json <<'END' || fail "objects"
import json, sys
of = {one["name"]: (one["sure"], one["likely"], one["unknown"]) for one in json.load(open(sys.argv[1]))["types"]}
expected = {"one": (1100, 0, 0), "two": (0, 0, 100), "three": (0, 0, 100), "four": (0, 100, 0)}
assert {name: of[name] for name in expected} == expected, of
END
"$WEIR" layout --profile=live.heap live | grep -E '^ +1100 sure +17600 ' || fail "the saving"
said=$("$WEIR" layout --profile=/nowhere live 2>&1) && fail "no profile: status 0"
grep -qF /nowhere <<<"$said" || fail "$said"

echo "what was built here"
for file in "$WEIR_MALLOC" "$WEIR"; do
    if readelf -S "$file" | grep '\.debug_info' >/dev/null; then
        "${CHECK[@]}" proof "$file" || fail "$file"
    fi
done
