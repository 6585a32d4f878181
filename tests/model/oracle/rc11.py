"""What RC11 allows a small program to do, by trying everything.

A program is a list of threads, a thread a list of operations without loops. All its candidate executions are listed:
for each load a store that it reads from (rf), for each location an order of its stores (mo). Those that satisfy the
axioms are its executions.

    Lahav, Vafeiadis, Kang, Hur, Dreyer: Repairing Sequential Consistency in C/C++11. PLDI 2017.

The axioms are in `Execution.consistent`, a line of code a line of the paper. Two things differ from it:

  - rs, the release sequence, is that of C++20 (P0982): no store of the same thread continues it.
  - Light and heavy fences (P1202): a heavy one is a sequentially consistent fence, and is one toward light ones too;
    a light one is nothing but toward heavy ones. So psc has the pairs of a light and a heavy one in addition. P1202
    lets such a pair synchronize as well; the declared model does not, which allows more.

Written to be compared with the checker, so nothing here is the checker's way of doing it: no search that extends
graphs, no clocks. What `Search` leaves out early, `Execution.consistent` would reject; see test_oracle.py.
"""

from dataclasses import dataclass

PLAIN, RELAXED, ACQUIRE, RELEASE, ACQ_REL, SEQ_CST = "plain relaxed acquire release acq_rel seq_cst".split()
LIGHT, HEAVY = "light", "heavy"
ACQUIRING = {ACQUIRE, ACQ_REL, SEQ_CST, HEAVY}
RELEASING = {RELEASE, ACQ_REL, SEQ_CST, HEAVY}
LOAD_OF = {RELAXED: RELAXED, ACQUIRE: ACQUIRE, RELEASE: RELAXED, ACQ_REL: ACQUIRE, SEQ_CST: SEQ_CST}
STORE_OF = {RELAXED: RELAXED, ACQUIRE: RELAXED, RELEASE: RELEASE, ACQ_REL: RELEASE, SEQ_CST: SEQ_CST}


@dataclass(frozen=True)
class Value:
    """register + constant, either of which may be missing."""

    register: str | None
    constant: int

    def of(self, registers):
        return self.constant + (registers.get(self.register, 0) if self.register else 0)


@dataclass(frozen=True)
class Op:
    kind: str  # load, await, store, add, swap, cas, cas_weak, lock, fence
    order: str
    location: str | None = None
    register: str | None = None  # where what was loaded goes
    value: Value | None = None  # stored, added, or put in by a compare-exchange that succeeds
    expected: Value | None = None  # by a compare-exchange; by an await or a lock, which end only with that
    failure: str | None = None  # order of a compare-exchange that fails
    guards: tuple = ()  # ((register, constant), ...): done only if all are equal

    @property
    def reads(self):
        return self.kind not in ("store", "fence")

    @property
    def writes(self):
        return self.kind not in ("load", "await", "fence")

    @property
    def waits(self):
        return self.kind in ("await", "lock")


@dataclass(frozen=True)
class Program:
    threads: tuple
    shown: tuple  # what makes an outcome: ("r0", ...) registers, ("=x", ...) values at the end
    spurious: int = 0  # compare-exchanges of a thread that may fail for no reason

    @property
    def locations(self):
        return sorted({op.location for thread in self.threads for op in thread if op.location})


@dataclass
class Event:
    thread: int  # -1: the initial stores
    kind: str  # R, W, F
    order: str
    location: str | None = None
    value: int = 0


# ---- relations: a list of rows, each the set of successors as bits ----


def bits(row):
    while row:
        low = row & -row
        yield low.bit_length() - 1
        row ^= low


class Relation:
    def __init__(self, rows):
        self.rows = rows

    @classmethod
    def of_pairs(cls, size, pairs):
        rows = [0] * size
        for a, b in pairs:
            rows[a] |= 1 << b
        return cls(rows)

    @classmethod
    def on(cls, size, members):
        """[S]: the identity on a set."""
        return cls([1 << i if i in members else 0 for i in range(size)])

    def __or__(self, other):
        return Relation([a | b for a, b in zip(self.rows, other.rows)])

    def __and__(self, other):
        return Relation([a & b for a, b in zip(self.rows, other.rows)])

    def __matmul__(self, other):
        """Composition: self; other."""
        rows = []
        for row in self.rows:
            reached = 0
            for i in bits(row):
                reached |= other.rows[i]
            rows.append(reached)
        return Relation(rows)

    def maybe(self):
        return Relation([row | 1 << i for i, row in enumerate(self.rows)])

    def inverse(self):
        return Relation.of_pairs(len(self.rows), ((b, a) for a, row in enumerate(self.rows) for b in bits(row)))

    def closure(self):
        rows = list(self.rows)
        for k in range(len(rows)):
            through, bit = rows[k], 1 << k
            for i, row in enumerate(rows):
                if row & bit:
                    rows[i] = row | through
        return Relation(rows)

    def star(self):
        return self.closure().maybe()

    def irreflexive(self):
        return not any(row >> i & 1 for i, row in enumerate(self.rows))

    def acyclic(self):
        return self.closure().irreflexive()

    def has(self, a, b):
        return bool(self.rows[a] >> b & 1)


class Execution:
    """Events with sb, rmw and rf; mo is given to `consistent`."""

    def __init__(self, events, sb, rmw, rf):
        self.events, self.size, self.stuck = events, len(events), []
        self.sb, self.rmw, self.rf = (Relation.of_pairs(self.size, pairs) for pairs in (sb, rmw, rf))
        self.source = {read: write for write, read in rf}
        self.updates = dict(rmw)
        self.same_location = Relation([
            sum(1 << j for j, b in enumerate(events) if a.location and a.location == b.location) for a in events
        ])  # fmt: skip
        self.hb = self.happens_before()

    def those(self, kind=None, orders=None):
        """[E]: the identity on the events of a kind and of certain orders."""
        members = {i for i, event in enumerate(self.events)
                   if kind in (None, event.kind) and (orders is None or event.order in orders)}  # fmt: skip
        return Relation.on(self.size, members)

    def happens_before(self):
        sb, rf = self.sb, self.rf
        atomic = {RELAXED, ACQUIRE, RELEASE, ACQ_REL, SEQ_CST}
        fence = self.those("F")
        rs = self.those("W", atomic) @ (rf @ self.rmw).star()
        read = rs @ rf @ self.those("R", atomic)
        sw = (self.those(None, RELEASING) @ (fence @ sb).maybe() @ read
              @ (sb @ fence).maybe() @ self.those(None, ACQUIRING))  # fmt: skip
        return (sb | sw).closure()

    def outside_location(self, relation):
        return Relation([row & ~same for row, same in zip(relation.rows, self.same_location.rows)])

    def psc(self, mo, rb, eco):
        sb, hb = self.sb, self.hb
        sb_elsewhere = self.outside_location(sb)
        scb = sb | sb_elsewhere @ hb @ sb_elsewhere | hb & self.same_location | mo | rb
        access = Relation.on(self.size, {i for i, e in enumerate(self.events) if e.kind != "F" and e.order == SEQ_CST})
        full = self.those("F", {SEQ_CST, HEAVY})
        psc_base = (access | full @ hb.maybe()) @ scb @ (access | hb.maybe() @ full)
        between = hb | hb @ eco @ hb
        psc_f = full @ between @ full
        light, heavy = self.those("F", {LIGHT}), self.those("F", {HEAVY})
        between |= hb.maybe() @ scb @ hb.maybe()
        return psc_base | psc_f | light @ between @ heavy | heavy @ between @ light

    def consistent(self, mo):
        rb = self.rf.inverse() @ mo
        rb = Relation([row & ~(1 << i) for i, row in enumerate(rb.rows)])
        eco = (self.rf | mo | rb).closure()
        coherence = (self.hb @ eco.maybe()).irreflexive()
        atomicity = not any((self.rmw & (rb @ mo)).rows)
        sc = self.psc(mo, rb, eco).acyclic()
        no_thin_air = (self.sb | self.rf).acyclic()
        return coherence and atomicity and sc and no_thin_air

    def racy(self):
        """Two accesses to one location, one of them a store and one not atomic, unordered by hb."""
        accesses = [(i, e) for i, e in enumerate(self.events) if e.kind != "F" and e.thread >= 0]
        return any(
            a.location == b.location and "W" in (a.kind, b.kind) and PLAIN in (a.order, b.order)
            and a.thread != b.thread and not self.hb.has(i, j) and not self.hb.has(j, i)
            for i, a in accesses for j, b in accesses[:i]
        )  # fmt: skip


# ---- candidates ----


class Sites:
    """The operations of a program, numbered, and what may read from what."""

    def __init__(self, program):
        self.program = program
        self.ops = [(t, op) for t, thread in enumerate(program.threads) for op in thread]
        self.first = [sum(len(thread) for thread in program.threads[:t]) for t in range(len(program.threads) + 1)]
        self.reads = [site for site, (_, op) in enumerate(self.ops) if op.reads]

    def may_be_left_out(self, site):
        thread, op = self.ops[site]
        return bool(op.guards) or any(earlier.waits for _, earlier in self.ops[self.first[thread] : site])

    def sources(self, read):
        """(store, fails for no reason): -1 is the initial store, None stands for a load that is not done."""
        thread, op = self.ops[read]
        stores = [-1] + [
            site for site, (t, other) in enumerate(self.ops)
            if other.writes and other.location == op.location and (t != thread or site < read)
        ]  # fmt: skip
        choices = [(store, False) for store in stores]
        if op.kind == "cas_weak" and self.program.spurious:
            choices += [(store, True) for store in stores]
        return choices + ([(None, False)] if self.may_be_left_out(read) else [])

    def count(self):
        """An upper bound of the number of ways to choose rf."""
        product = 1
        for read in self.reads:
            product *= len(self.sources(read))
        return product

    def assignments(self):
        """All choices of rf without a cycle of sb and rf."""
        size = len(self.ops)
        reach = [sum(1 << j for j in range(i + 1, self.first[t + 1])) for i, (t, _) in enumerate(self.ops)]
        chosen = {}

        def choose(position, reach):
            if position == len(self.reads):
                yield chosen
                return
            read = self.reads[position]
            for source in self.sources(read):
                store = source[0]
                if store is not None and store >= 0 and reach[read] >> store & 1:
                    continue
                chosen[read] = source
                extended = reach
                if store is not None and store >= 0:
                    gained = reach[read] | 1 << read
                    extended = [reach[i] | gained if i == store or reach[i] >> store & 1 else reach[i]
                                for i in range(size)]  # fmt: skip
                yield from choose(position + 1, extended)

        yield from choose(0, reach)


class Run:
    """A program done with one choice of rf: values, and whether the choice is possible at all."""

    def __init__(self, sites, chosen):
        self.sites, self.chosen = sites, chosen
        self.registers = {}
        self.stuck = {}  # thread: the await or lock that saw another value
        self.done, self.stored, self.loaded, self.order = set(), {-1: 0}, {}, {}
        self.possible = self.compute()

    def compute(self):
        next_site, passed = list(self.sites.first[:-1]), set()
        moved = True
        while moved:
            moved = False
            for t in range(len(next_site)):
                while next_site[t] < self.sites.first[t + 1]:
                    site = next_site[t]
                    source = self.chosen.get(site, (None, False))[0]
                    if source is not None and source >= 0 and source not in passed:
                        break
                    if not self.perform(site):
                        return False
                    passed.add(site)
                    next_site[t] += 1
                    moved = True
        return len(passed) == len(self.sites.ops) and self.few_spurious()

    def perform(self, site):
        thread, op = self.sites.ops[site]
        wanted = thread not in self.stuck and all(self.registers.get(r, 0) == constant for r, constant in op.guards)
        source, spurious = self.chosen.get(site, (None, False))
        if not wanted:
            return source is None
        self.done.add(site)
        self.order[site] = op.order
        if op.reads:
            if source is None or source not in self.stored:
                return False
            self.loaded[site] = self.stored[source]
        if op.waits and self.loaded[site] != op.expected.of(self.registers):
            self.stuck[thread] = site
            return True
        if op.writes and not self.store(site, op, spurious):
            return False
        if op.register:
            self.registers[op.register] = self.shown_as(site, op)
        return True

    def store(self, site, op, spurious):
        value = op.value.of(self.registers)
        if op.kind == "add":
            value += self.loaded[site]
        if op.kind in ("cas", "cas_weak"):
            equal = self.loaded[site] == op.expected.of(self.registers)
            if not equal or spurious:
                self.order[site] = op.failure
                return equal or not spurious
        self.stored[site] = value
        return True

    def shown_as(self, site, op):
        """A weak compare-exchange that fails gives ~ of what it saw: the program is to tell the two apart."""
        return ~self.loaded[site] if op.kind == "cas_weak" and site not in self.stored else self.loaded[site]

    def few_spurious(self):
        counts = [0] * len(self.sites.program.threads)
        for site, (_, spurious) in self.chosen.items():
            counts[self.sites.ops[site][0]] += spurious
        return max(counts, default=0) <= self.sites.program.spurious

    def execution(self):
        """Its events and relations, but for mo."""
        locations = self.sites.program.locations
        events = [Event(-1, "W", PLAIN, location, 0) for location in locations]
        initial = {location: i for i, location in enumerate(locations)}
        sb, rmw, rf, reads, written = [], [], [], {}, {}
        for thread in range(len(self.sites.program.threads)):
            before = list(range(len(locations)))
            for site in range(self.sites.first[thread], self.sites.first[thread + 1]):
                if site not in self.done:
                    continue
                for event in self.events_of(site, thread):
                    index = len(events)
                    sb += [(earlier, index) for earlier in before]
                    before.append(index)
                    events.append(event)
                    if event.kind == "R":
                        reads[site] = index
                    elif event.kind == "W":
                        written[site] = index
                        if site in reads:
                            rmw.append((reads[site], index))
        for site, index in reads.items():
            source = self.chosen[site][0]
            rf.append((initial[events[index].location] if source == -1 else written[source], index))
        execution = Execution(events, sb, rmw, rf)
        execution.stuck = [reads[site] for site in self.stuck.values()]
        return execution

    def events_of(self, site, thread):
        _, op = self.sites.ops[site]
        order = self.order[site]
        if op.kind == "fence":
            yield Event(thread, "F", order)
        if op.reads:
            load_order = LOAD_OF[order] if site in self.stored else order
            yield Event(thread, "R", load_order, op.location, self.loaded[site])
        if site in self.stored:
            yield Event(thread, "W", order if op.kind == "store" else STORE_OF[order], op.location, self.stored[site])


def modification_orders(execution):
    """All mo that coherence and atomicity do not exclude, as ({location: last store}, Relation)."""
    stores, before = {}, {}
    for i, event in enumerate(execution.events):
        if event.kind == "W":
            stores.setdefault(event.location, []).append(i)
    for group in stores.values():
        for store in group:
            before[store] = set()

    # Where hb leads from one access to another of the same location, the first one's store is not the later one.
    def store_at(i):
        return execution.source[i] if execution.events[i].kind == "R" else i

    for i, row in enumerate((execution.hb & execution.same_location).rows):
        for j in bits(row):
            if store_at(i) != store_at(j):
                before[store_at(j)].add(store_at(i))
    reader = {execution.source[read]: write for read, write in execution.updates.items()}
    if len(reader) < len(execution.updates):
        return  # two updates read from one store: neither can be next to it

    def extend(placed, left):
        if not left:
            yield placed
            return
        follower = reader.get(placed[-1]) if placed else None
        for store in [follower] if follower is not None else sorted(left):
            if before[store] <= set(placed) and (store == follower or store not in reader.values()):
                yield from extend(placed + [store], left - {store})

    def combine(groups):
        if not groups:
            yield {}, []
            return
        for order in extend([], frozenset(groups[0])):
            pairs = [(a, b) for i, a in enumerate(order) for b in order[i + 1 :]]
            for last, rest in combine(groups[1:]):
                yield {execution.events[order[0]].location: order[-1], **last}, pairs + rest

    for last, pairs in combine(list(stores.values())):
        yield last, Relation.of_pairs(execution.size, pairs)


class Search:
    """outcomes: what the program may come to. racy: some execution has a data race, so that all bets are off. stuck:
    in some execution an await or a lock sees the newest store for ever, and that is not the right one."""

    def __init__(self, program, count=False):
        self.program, self.outcomes, self.racy, self.stuck, self.executions = program, set(), False, False, 0
        sites = Sites(program)
        for chosen in sites.assignments():
            run = Run(sites, chosen)
            if run.possible:
                self.visit(run, run.execution(), count)

    def visit(self, run, execution, count):
        racy = execution.racy()
        for last, mo in modification_orders(execution):
            if execution.stuck:
                self.visit_stuck(execution, last, mo, racy)
                continue
            outcome = self.outcome(run, execution, last)
            if (count or outcome not in self.outcomes or (racy and not self.racy)) and execution.consistent(mo):
                self.outcomes.add(outcome)
                self.racy |= racy
                self.executions += 1

    def visit_stuck(self, execution, last, mo, racy):
        newest = all(execution.source[i] == last[execution.events[i].location] for i in execution.stuck)
        if ((newest and not self.stuck) or (racy and not self.racy)) and execution.consistent(mo):
            self.stuck |= newest
            self.racy |= racy

    def outcome(self, run, execution, last):
        values = []
        for shown in self.program.shown:
            if shown.startswith("="):
                values.append(execution.events[last[shown[1:]]].value if shown[1:] in last else 0)
            else:
                values.append(run.registers.get(shown, 0))
        return " ".join(map(str, values))


def by_value(outcomes):
    return sorted(outcomes, key=lambda outcome: [int(word) for word in outcome.split()])
