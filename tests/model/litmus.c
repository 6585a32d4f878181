/* Litmus tests: what the declared model allows, no more and no less.
 *
 *     name        what                                                      reference
 *     sb_         store buffering, the pair behind every lost wake-up       Adve, Gharachorloo; P1202 (light, heavy)
 *     mp_         message passing: who sees the flag sees the data          Boehm, Adve
 *     lb_         load buffering: forbidden here, allowed by C11            RC11, no-thin-air
 *     iriw_       independent reads of independent writes                   Boehm, Adve; RC11 (IRIW-acq-sc)
 *     corr, coww, corw, cowr    coherence: accesses to one location         C11 5.1.2.4
 *     rs_         release sequences: those of C++20, not of C11             P0982
 *     w22_        2+2W: two threads store to two locations, crosswise       Sarkar et al.
 *     r_, s_      R and S: stores on both sides, a load on one              Sarkar et al.
 *     wrc_, isa2_ causality over three threads                              Boehm, Adve; Sarkar et al.
 *     z63_        Z6.3: over modification order                             Sarkar et al.
 *     z6u, sc_    where C11's order of seq_cst is too strong, and is not    RC11 (Z6.U)
 *     rwc_, wrwc_ where it is too weak                                      RC11 (RWC+syncs, W+RWC)
 *     add_, load_add_, cas_, swap_    updates are atomic                    C11 7.17.3
 *
 * RC11: Lahav, Vafeiadis, Kang, Hur, Dreyer: Repairing Sequential Consistency in C/C++11. PLDI 2017. Sarkar et al.:
 * Understanding POWER Multiprocessors. PLDI 2011. Boehm, Adve: Foundations of the C++ Concurrency Memory Model. PLDI
 * 2008. Adve, Gharachorloo: Shared Memory Consistency Models: A Tutorial. IEEE Computer, 1996.
 *
 * The lists are the oracle's (oracle/check_litmus.py compares them). What has loops or locks is in waiting.c. */
#include "tests/model/litmus.h"

/* clang-format off */

/* ---- SB, store buffering: each stores, then loads what the other stores ---- */

LITMUS2(sb_relaxed, "both may miss the other's store",
        (store(x, 1, relaxed), r0 = load(y, relaxed)),
        (store(y, 1, relaxed), r1 = load(x, relaxed)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "0 1", "1 0", "1 1"))
LITMUS2(sb_release_acquire, "release and acquire order nothing here",
        (store(x, 1, release), r0 = load(y, acquire)),
        (store(y, 1, release), r1 = load(x, acquire)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "0 1", "1 0", "1 1"))
LITMUS2(sb_seq_cst, "one of them sees the other's store",
        (store(x, 1, seq_cst), r0 = load(y, seq_cst)),
        (store(y, 1, seq_cst), r1 = load(x, seq_cst)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 1", "1 0", "1 1"))
LITMUS2(sb_seq_cst_stores, "seq_cst stores with acquire loads: not enough",
        (store(x, 1, seq_cst), r0 = load(y, acquire)),
        (store(y, 1, seq_cst), r1 = load(x, acquire)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "0 1", "1 0", "1 1"))
LITMUS2(sb_seq_cst_loads, "seq_cst loads with release stores: not enough",
        (store(x, 1, release), r0 = load(y, seq_cst)),
        (store(y, 1, release), r1 = load(x, seq_cst)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "0 1", "1 0", "1 1"))
LITMUS2(sb_seq_cst_one_side, "one side relaxed: not enough",
        (store(x, 1, seq_cst), r0 = load(y, seq_cst)),
        (store(y, 1, relaxed), r1 = load(x, relaxed)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "0 1", "1 0", "1 1"))
LITMUS2(sb_fences, "fences on both sides",
        (store(x, 1, relaxed), fence(seq_cst), r0 = load(y, relaxed)),
        (store(y, 1, relaxed), fence(seq_cst), r1 = load(x, relaxed)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 1", "1 0", "1 1"))
LITMUS2(sb_fences_acq_rel, "fences of the wrong kind",
        (store(x, 1, relaxed), fence(acq_rel), r0 = load(y, relaxed)),
        (store(y, 1, relaxed), fence(acq_rel), r1 = load(x, relaxed)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "0 1", "1 0", "1 1"))
LITMUS2(sb_fence_one_side, "one fence: not enough",
        (store(x, 1, relaxed), fence(seq_cst), r0 = load(y, relaxed)),
        (store(y, 1, relaxed), r1 = load(x, relaxed)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "0 1", "1 0", "1 1"))
LITMUS2(sb_fence_and_accesses, "a fence on one side, seq_cst accesses on the other",
        (store(x, 1, relaxed), fence(seq_cst), r0 = load(y, relaxed)),
        (store(y, 1, seq_cst), r1 = load(x, seq_cst)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 1", "1 0", "1 1"))
LITMUS2(sb_light_light, "two light fences order nothing",
        (store(x, 1, relaxed), model_fence_light(), r0 = load(y, relaxed)),
        (store(y, 1, relaxed), model_fence_light(), r1 = load(x, relaxed)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "0 1", "1 0", "1 1"))
LITMUS2(sb_light_heavy, "a light fence and a heavy one",
        (store(x, 1, relaxed), model_fence_light(), r0 = load(y, relaxed)),
        (store(y, 1, relaxed), model_fence_heavy(), r1 = load(x, relaxed)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 1", "1 0", "1 1"))
LITMUS2(sb_heavy_light, "the same, the other way round",
        (store(x, 1, relaxed), model_fence_heavy(), r0 = load(y, relaxed)),
        (store(y, 1, relaxed), model_fence_light(), r1 = load(x, relaxed)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 1", "1 0", "1 1"))
LITMUS2(sb_heavy_heavy, "two heavy fences",
        (store(x, 1, relaxed), model_fence_heavy(), r0 = load(y, relaxed)),
        (store(y, 1, relaxed), model_fence_heavy(), r1 = load(x, relaxed)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 1", "1 0", "1 1"))
LITMUS2(sb_heavy_full, "a heavy fence is a full one too",
        (store(x, 1, relaxed), model_fence_heavy(), r0 = load(y, relaxed)),
        (store(y, 1, relaxed), fence(seq_cst), r1 = load(x, relaxed)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 1", "1 0", "1 1"))
LITMUS2(sb_light_full, "a full fence is not heavy",
        (store(x, 1, relaxed), model_fence_light(), r0 = load(y, relaxed)),
        (store(y, 1, relaxed), fence(seq_cst), r1 = load(x, relaxed)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "0 1", "1 0", "1 1"))
LITMUS3(sb_three_fences, "a ring of three",
        (store(x, 1, relaxed), fence(seq_cst), r0 = load(y, relaxed)),
        (store(y, 1, relaxed), fence(seq_cst), r1 = load(z, relaxed)),
        (store(z, 1, relaxed), fence(seq_cst), r2 = load(x, relaxed)),
        model_outcome("%d %d %d", r0, r1, r2), EXACTLY("0 0 1", "0 1 0", "0 1 1", "1 0 0", "1 0 1", "1 1 0", "1 1 1"))
LITMUS3(sb_three_heavy, "a ring with one heavy fence: the two light ones do not pair",
        (store(x, 1, relaxed), model_fence_heavy(), r0 = load(y, relaxed)),
        (store(y, 1, relaxed), model_fence_light(), r1 = load(z, relaxed)),
        (store(z, 1, relaxed), model_fence_light(), r2 = load(x, relaxed)),
        model_outcome("%d %d %d", r0, r1, r2),
        EXACTLY("0 0 0", "0 0 1", "0 1 0", "0 1 1", "1 0 0", "1 0 1", "1 1 0", "1 1 1"))
LITMUS2(sb_exchange, "a relaxed exchange in place of the store",
        (swap(x, 1, relaxed), r0 = load(y, relaxed)),
        (swap(y, 1, relaxed), r1 = load(x, relaxed)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "0 1", "1 0", "1 1"))
LITMUS2(sb_exchange_acq_rel, "an acq_rel exchange orders no store before a load",
        (swap(x, 1, acq_rel), r0 = load(y, acquire)),
        (swap(y, 1, acq_rel), r1 = load(x, acquire)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "0 1", "1 0", "1 1"))
LITMUS2(sb_exchange_seq_cst, "a seq_cst exchange before a seq_cst load: no fence needed",
        (swap(x, 1, seq_cst), r0 = load(y, seq_cst)),
        (swap(y, 1, seq_cst), r1 = load(x, seq_cst)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 1", "1 0", "1 1"))
LITMUS2(sb_exchange_no_fence, "a seq_cst exchange is no fence for an acquire load after it",
        (swap(x, 1, seq_cst), r0 = load(y, acquire)),
        (swap(y, 1, seq_cst), r1 = load(x, acquire)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "0 1", "1 0", "1 1"))
LITMUS2(sb_add_zero, "updates in place of the loads read no stale value from one another",
        (store(x, 1, relaxed), r0 = add(y, 0, acq_rel)),
        (store(y, 1, relaxed), r1 = add(x, 0, acq_rel)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "0 1", "1 0", "1 1"))
LITMUS2(sb_one_update_location, "an update of one third location between store and load, acq_rel: as good as fences",
        (store(x, 1, relaxed), add(z, 1, acq_rel), r0 = load(y, relaxed)),
        (store(y, 1, relaxed), add(z, 1, acq_rel), r1 = load(x, relaxed)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 1", "1 0", "1 1"))

/* ---- MP, message passing: data, then a flag; the flag, then the data ---- */

LITMUS2(mp_relaxed, "the flag may be seen and the data not",
        (store(x, 1, relaxed), store(y, 1, relaxed)),
        (r0 = load(y, relaxed), r1 = load(x, relaxed)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "0 1", "1 0", "1 1"))
LITMUS2(mp_release_acquire, "who sees the flag sees the data",
        (store(x, 1, relaxed), store(y, 1, release)),
        (r0 = load(y, acquire), r1 = load(x, relaxed)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "0 1", "1 1"))
LITMUS2(mp_release_only, "without acquire: not enough",
        (store(x, 1, relaxed), store(y, 1, release)),
        (r0 = load(y, relaxed), r1 = load(x, relaxed)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "0 1", "1 0", "1 1"))
LITMUS2(mp_acquire_only, "without release: not enough",
        (store(x, 1, relaxed), store(y, 1, relaxed)),
        (r0 = load(y, acquire), r1 = load(x, relaxed)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "0 1", "1 0", "1 1"))
LITMUS2(mp_fences, "release fence, acquire fence",
        (store(x, 1, relaxed), fence(release), store(y, 1, relaxed)),
        (r0 = load(y, relaxed), fence(acquire), r1 = load(x, relaxed)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "0 1", "1 1"))
LITMUS2(mp_fence_load, "release fence, acquire load",
        (store(x, 1, relaxed), fence(release), store(y, 1, relaxed)),
        (r0 = load(y, acquire), r1 = load(x, relaxed)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "0 1", "1 1"))
LITMUS2(mp_store_fence, "release store, acquire fence",
        (store(x, 1, relaxed), store(y, 1, release)),
        (r0 = load(y, relaxed), fence(acquire), r1 = load(x, relaxed)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "0 1", "1 1"))
LITMUS2(mp_fences_exchanged, "the fences of the wrong kind",
        (store(x, 1, relaxed), fence(acquire), store(y, 1, relaxed)),
        (r0 = load(y, relaxed), fence(release), r1 = load(x, relaxed)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "0 1", "1 0", "1 1"))
LITMUS2(mp_release_acquire_update, "release store, acquire update",
        (store(x, 1, relaxed), store(y, 1, release)),
        (r0 = add(y, 1, acquire), r1 = load(x, relaxed)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "0 1", "1 1"))
LITMUS2(mp_updates_wrong_halves, "an acquire update releases nothing, a release update acquires nothing",
        (store(x, 1, relaxed), swap(y, 1, acquire)),
        (r0 = add(y, 1, release), r1 = load(x, relaxed)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "0 1", "1 0", "1 1"))
LITMUS2(mp_seq_cst_store_relaxed_load, "seq_cst is a release: toward an acquire only",
        (store(x, 1, relaxed), store(y, 1, seq_cst)),
        (r0 = load(y, relaxed), r1 = load(x, relaxed)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "0 1", "1 0", "1 1"))
LITMUS2(mp_failed_cas_acquire, "a compare-exchange that fails may acquire too",
        (store(x, 1, relaxed), store(y, 1, release)),
        (r0 = cas(y, 2, 3, acquire, acquire), r1 = load(x, relaxed)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "0 1", "1 1"))
LITMUS2(mp_failed_cas_relaxed, "only with its second order",
        (store(x, 1, relaxed), store(y, 1, release)),
        (r0 = cas(y, 2, 3, acq_rel, relaxed), r1 = load(x, relaxed)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "0 1", "1 0", "1 1"))
LITMUS2(mp_plain, "plain data behind release and acquire",
        (d = 1, store(y, 1, release)),
        (r0 = load(y, acquire), when(r0 == 1, r1 = d)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "1 1"))
LITMUS2(mp_plain_fences, "plain data behind fences",
        (d = 1, fence(release), store(y, 1, relaxed)),
        (r0 = load(y, relaxed), when(r0 == 1, fence(acquire), r1 = d)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "1 1"))
LITMUS2(mp_light_heavy, "a light fence and a heavy one",
        (store(x, 1, relaxed), model_fence_light(), store(y, 1, relaxed)),
        (r0 = load(y, relaxed), model_fence_heavy(), r1 = load(x, relaxed)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "0 1", "1 1"))
LITMUS2(mp_plain_light_heavy, "that is for atomic accesses only", (d = 1, model_fence_light(), store(y, 1, relaxed)),
        (r0 = load(y, relaxed), when(r0 == 1, model_fence_heavy(), r1 = d)), (void)0, RACES)
LITMUS2(mp_plain_relaxed, "plain data behind nothing", (d = 1, store(y, 1, relaxed)),
        (r0 = load(y, relaxed), when(r0 == 1, r1 = d)), (void)0, RACES)
LITMUS2(mp_plain_release_only, "plain data, no acquire", (d = 1, store(y, 1, release)),
        (r0 = load(y, relaxed), when(r0 == 1, r1 = d)), (void)0, RACES)
LITMUS2(mp_plain_acquire_only, "plain data, no release", (d = 1, store(y, 1, relaxed)),
        (r0 = load(y, acquire), when(r0 == 1, r1 = d)), (void)0, RACES)
LITMUS2(mp_plain_late_fence, "a release fence after the store", (d = 1, store(y, 1, relaxed), fence(release)),
        (r0 = load(y, acquire), when(r0 == 1, r1 = d)), (void)0, RACES)
LITMUS2(mp_plain_early_fence, "an acquire fence before the load", (d = 1, store(y, 1, release)),
        (fence(acquire), r0 = load(y, relaxed), when(r0 == 1, r1 = d)), (void)0, RACES)
LITMUS2(mp_plain_light_light, "two light fences", (d = 1, model_fence_light(), store(y, 1, relaxed)),
        (r0 = load(y, relaxed), when(r0 == 1, model_fence_light(), r1 = d)), (void)0, RACES)
LITMUS2(mp_plain_light_acquire, "a light fence is no release fence", (d = 1, model_fence_light(), store(y, 1, relaxed)),
        (r0 = load(y, acquire), when(r0 == 1, r1 = d)), (void)0, RACES)
LITMUS2(mp_plain_failed_cas, "a failed compare-exchange that does not acquire", (d = 1, store(y, 1, release)),
        (r0 = cas(y, 2, 3, acq_rel, relaxed), when(r0 == 1, r1 = d)), (void)0, RACES)
LITMUS2(mp_plain_write_back, "plain data written by the one that saw the flag, before the other has read it",
        (d = 1, store(y, 1, release), r1 = d), (r0 = load(y, acquire), when(r0 == 1, d = 2)), (void)0, RACES)

/* ---- LB, load buffering: forbidden here, allowed by C11 ---- */

LITMUS2(lb_relaxed, "1 1 is forbidden here, allowed by C11",
        (r0 = load(x, relaxed), store(y, 1, relaxed)),
        (r1 = load(y, relaxed), store(x, 1, relaxed)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "0 1", "1 0"))
LITMUS2(lb_release_acquire, "forbidden by C11 too",
        (r0 = load(x, acquire), store(y, 1, release)),
        (r1 = load(y, acquire), store(x, 1, release)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "0 1", "1 0"))
LITMUS2(lb_values, "nothing comes out of thin air",
        (r0 = load(x, relaxed), store(y, r0, relaxed)),
        (r1 = load(y, relaxed), store(x, r1, relaxed)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0"))
LITMUS2(lb_updates, "the same with updates",
        (r0 = add(x, 1, relaxed), add(y, 1, relaxed)),
        (r1 = add(y, 1, relaxed), add(x, 1, relaxed)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "0 1", "1 0"))

/* ---- IRIW: two independent stores, two readers ---- */

LITMUS4(iriw_relaxed, "the readers may see the stores in different orders",
        (store(x, 1, relaxed)), (store(y, 1, relaxed)),
        (r0 = load(x, relaxed), r1 = load(y, relaxed)),
        (r2 = load(y, relaxed), r3 = load(x, relaxed)),
        model_outcome("%d %d %d %d", r0, r1, r2, r3),
        EXACTLY("0 0 0 0", "0 0 0 1", "0 0 1 0", "0 0 1 1", "0 1 0 0", "0 1 0 1", "0 1 1 0", "0 1 1 1", "1 0 0 0",
                "1 0 0 1", "1 0 1 0", "1 0 1 1", "1 1 0 0", "1 1 0 1", "1 1 1 0", "1 1 1 1"))
LITMUS4(iriw_release_acquire, "still",
        (store(x, 1, release)), (store(y, 1, release)),
        (r0 = load(x, acquire), r1 = load(y, acquire)),
        (r2 = load(y, acquire), r3 = load(x, acquire)),
        model_outcome("%d %d %d %d", r0, r1, r2, r3),
        EXACTLY("0 0 0 0", "0 0 0 1", "0 0 1 0", "0 0 1 1", "0 1 0 0", "0 1 0 1", "0 1 1 0", "0 1 1 1", "1 0 0 0",
                "1 0 0 1", "1 0 1 0", "1 0 1 1", "1 1 0 0", "1 1 0 1", "1 1 1 0", "1 1 1 1"))
LITMUS4(iriw_seq_cst, "there is one order of seq_cst accesses",
        (store(x, 1, seq_cst)), (store(y, 1, seq_cst)),
        (r0 = load(x, seq_cst), r1 = load(y, seq_cst)),
        (r2 = load(y, seq_cst), r3 = load(x, seq_cst)),
        model_outcome("%d %d %d %d", r0, r1, r2, r3),
        EXACTLY("0 0 0 0", "0 0 0 1", "0 0 1 0", "0 0 1 1", "0 1 0 0", "0 1 0 1", "0 1 1 0", "0 1 1 1", "1 0 0 0",
                "1 0 0 1", "1 0 1 1", "1 1 0 0", "1 1 0 1", "1 1 1 0", "1 1 1 1"))
LITMUS4(iriw_fences, "seq_cst fences between the loads",
        (store(x, 1, relaxed)), (store(y, 1, relaxed)),
        (r0 = load(x, relaxed), fence(seq_cst), r1 = load(y, relaxed)),
        (r2 = load(y, relaxed), fence(seq_cst), r3 = load(x, relaxed)),
        model_outcome("%d %d %d %d", r0, r1, r2, r3),
        EXACTLY("0 0 0 0", "0 0 0 1", "0 0 1 0", "0 0 1 1", "0 1 0 0", "0 1 0 1", "0 1 1 0", "0 1 1 1", "1 0 0 0",
                "1 0 0 1", "1 0 1 1", "1 1 0 0", "1 1 0 1", "1 1 1 0", "1 1 1 1"))
LITMUS4(iriw_light_heavy, "a light fence and a heavy one",
        (store(x, 1, relaxed)), (store(y, 1, relaxed)),
        (r0 = load(x, relaxed), model_fence_light(), r1 = load(y, relaxed)),
        (r2 = load(y, relaxed), model_fence_heavy(), r3 = load(x, relaxed)),
        model_outcome("%d %d %d %d", r0, r1, r2, r3),
        EXACTLY("0 0 0 0", "0 0 0 1", "0 0 1 0", "0 0 1 1", "0 1 0 0", "0 1 0 1", "0 1 1 0", "0 1 1 1", "1 0 0 0",
                "1 0 0 1", "1 0 1 1", "1 1 0 0", "1 1 0 1", "1 1 1 0", "1 1 1 1"))
LITMUS4(iriw_acquire_seq_cst, "seq_cst, but the first loads acquire only: C11 is too strong, RC11 allows 1 0 1 0",
        (store(x, 1, seq_cst)), (store(y, 1, seq_cst)),
        (r0 = load(x, acquire), r1 = load(y, seq_cst)),
        (r2 = load(y, acquire), r3 = load(x, seq_cst)),
        model_outcome("%d %d %d %d", r0, r1, r2, r3),
        EXACTLY("0 0 0 0", "0 0 0 1", "0 0 1 0", "0 0 1 1", "0 1 0 0", "0 1 0 1", "0 1 1 0", "0 1 1 1", "1 0 0 0",
                "1 0 0 1", "1 0 1 0", "1 0 1 1", "1 1 0 0", "1 1 0 1", "1 1 1 0", "1 1 1 1"))

/* ---- coherence: one location ---- */

LITMUS2(corr, "two loads do not go back",
        (store(x, 1, relaxed), store(x, 2, relaxed)),
        (r0 = load(x, relaxed), r1 = load(x, relaxed)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "0 1", "0 2", "1 1", "1 2", "2 2"))
LITMUS3(corr_store_apart, "nor if the stores are two threads'",
        (store(x, 1, relaxed)), (store(x, 2, relaxed)),
        (r0 = load(x, relaxed), r1 = load(x, relaxed)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "0 1", "0 2", "1 1", "1 2", "2 1", "2 2"))
LITMUS4(corr_observers, "two observers agree on the order of two stores",
        (store(x, 1, relaxed)), (store(x, 2, relaxed)),
        (r0 = load(x, relaxed), r1 = load(x, relaxed)),
        (r2 = load(x, relaxed), r3 = load(x, relaxed)),
        model_outcome("%d %d %d %d", r0, r1, r2, r3),
        EXACTLY("0 0 0 0", "0 0 0 1", "0 0 0 2", "0 0 1 1", "0 0 1 2", "0 0 2 1", "0 0 2 2", "0 1 0 0", "0 1 0 1",
                "0 1 0 2", "0 1 1 1", "0 1 1 2", "0 1 2 1", "0 1 2 2", "0 2 0 0", "0 2 0 1", "0 2 0 2", "0 2 1 1",
                "0 2 1 2", "0 2 2 1", "0 2 2 2", "1 1 0 0", "1 1 0 1", "1 1 0 2", "1 1 1 1", "1 1 1 2", "1 1 2 1",
                "1 1 2 2", "1 2 0 0", "1 2 0 1", "1 2 0 2", "1 2 1 1", "1 2 1 2", "1 2 2 2", "2 1 0 0", "2 1 0 1",
                "2 1 0 2", "2 1 1 1", "2 1 2 1", "2 1 2 2", "2 2 0 0", "2 2 0 1", "2 2 0 2", "2 2 1 1", "2 2 1 2",
                "2 2 2 1", "2 2 2 2"))
LITMUS3(corr_third, "a third one, told by the second, sees no older store",
        (store(x, 1, relaxed), store(x, 2, relaxed)),
        (r0 = load(x, relaxed), store(y, 1, release)),
        (r1 = load(y, acquire), r2 = load(x, relaxed)),
        model_outcome("%d %d %d", r0, r1, r2),
        EXACTLY("0 0 0", "0 0 1", "0 0 2", "0 1 0", "0 1 1", "0 1 2", "1 0 0", "1 0 1", "1 0 2", "1 1 1", "1 1 2",
                "2 0 0", "2 0 1", "2 0 2", "2 1 2"))
LITMUS2(coww, "a thread's stores stay in order",
        (store(x, 1, relaxed), store(x, 2, relaxed)),
        (store(x, 3, relaxed)),
        model_outcome("%d", last(x)), EXACTLY("2", "3"))
LITMUS2(corw, "a load sees no store of its own thread that comes later, nor one that follows on that",
        (r0 = load(x, relaxed), store(x, 1, relaxed)),
        (store(x, 2, relaxed)),
        model_outcome("%d %d", r0, last(x)), EXACTLY("0 1", "0 2", "2 1"))
LITMUS2(cowr, "a load does not miss its own thread's store",
        (store(x, 1, relaxed), r0 = load(x, relaxed)),
        (store(x, 2, relaxed)),
        model_outcome("%d %d", r0, last(x)), EXACTLY("1 1", "1 2", "2 2"))

/* ---- release sequences ---- */

LITMUS2(rs_same_thread, "a later relaxed store does not continue one, since C++20: 2 0 is possible",
        (store(x, 1, relaxed), store(y, 1, release), store(y, 2, relaxed)),
        (r0 = load(y, acquire), r1 = load(x, relaxed)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "0 1", "1 1", "2 0", "2 1"))
LITMUS2(rs_same_thread_plain, "so that this is a race", (d = 1, store(y, 1, release), store(y, 2, relaxed)),
        (r0 = load(y, acquire), when(r0 == 2, r1 = d)), (void)0, RACES)
LITMUS2(rs_fence_second_store, "a release fence is for all stores after it",
        (d = 1, fence(release), store(y, 1, relaxed), store(y, 2, relaxed)),
        (r0 = load(y, acquire), when(r0 == 2, r1 = d)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "1 0", "2 1"))
LITMUS2(rs_own_update, "an update of the same thread continues one",
        (d = 1, store(y, 1, release), add(y, 1, relaxed)),
        (r0 = load(y, acquire), when(r0 == 2, r1 = d)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "1 0", "2 1"))
LITMUS3(rs_other_update, "so does one of another thread, even relaxed",
        (d = 1, store(y, 1, release)), (add(y, 1, relaxed)),
        (r0 = load(y, acquire), when(r0 == 2, r1 = d)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "1 0", "2 1"))
LITMUS4(rs_two_updates, "and a chain of two",
        (d = 1, store(y, 1, release)), (add(y, 2, relaxed)), (add(y, 4, relaxed)),
        (r0 = load(y, acquire), when(r0 == 7, r1 = d)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "1 0", "2 0", "3 0", "4 0", "5 0", "6 0", "7 1"))
LITMUS3(rs_cas, "so does a compare-exchange",
        (d = 1, store(y, 1, release)), (cas(y, 1, 2, relaxed, relaxed)),
        (r0 = load(y, acquire), when(r0 == 2, r1 = d)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "1 0", "2 1"))
LITMUS3(rs_exchange_early, "an exchange may come before the release: then it continues nothing",
        (d = 1, store(y, 1, release)), (swap(y, 2, relaxed)),
        (r0 = load(y, acquire), when(r0 == 2, r1 = d)), (void)0, RACES)
LITMUS3(rs_store_between, "a store of another thread ends one",
        (d = 1, store(y, 1, release)), (r2 = load(y, relaxed), when(r2 == 1, store(y, 2, relaxed))),
        (r0 = load(y, acquire), when(r0 == 2, r1 = d)), (void)0, RACES)
LITMUS3(rs_update_of_store, "an update that follows on a store of another thread",
        (store(x, 1, relaxed), store(y, 1, release)), (store(y, 2, relaxed), add(y, 2, relaxed)),
        (r0 = load(y, acquire), r1 = load(x, relaxed)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "0 1", "1 1", "2 0", "2 1", "3 1", "4 0", "4 1"))
LITMUS3(rs_fence_update, "an update continues what a release fence began",
        (d = 1, fence(release), store(y, 1, relaxed)), (add(y, 1, relaxed)),
        (r0 = load(y, relaxed), when(r0 == 2, fence(acquire), r1 = d)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "1 0", "2 1"))
LITMUS3(rs_two_heads, "who reads from a release update synchronizes with it and with the sequence that it continues",
        (d = 1, store(y, 1, release)), (e = 1, add(y, 1, release)),
        (r0 = load(y, acquire), when(r0 == 2, r1 = d, r2 = e)),
        model_outcome("%d %d %d", r0, r1, r2), EXACTLY("0 0 0", "1 0 0", "2 1 1"))
LITMUS2(rs_count_down, "the last of two that release, with an acquire, sees what both did",
        (d = 1, r0 = add(x, 1, release), when(r0 == 1, r2 = load(x, acquire), r3 = e)),
        (e = 1, r1 = add(x, 1, release), when(r1 == 1, r4 = load(x, acquire), r5 = d)),
        model_outcome("%d %d %d %d", r0, r1, r3, r5), EXACTLY("0 1 0 1", "1 0 1 0"))

/* ---- 2+2W, R, S: stores on both sides ---- */

LITMUS2(w22_relaxed, "both first stores may stand last",
        (store(x, 1, relaxed), store(y, 2, relaxed)),
        (store(y, 1, relaxed), store(x, 2, relaxed)),
        model_outcome("%d %d", last(x), last(y)), EXACTLY("1 1", "1 2", "2 1", "2 2"))
LITMUS2(w22_release, "releases do not forbid it",
        (store(x, 1, release), store(y, 2, release)),
        (store(y, 1, release), store(x, 2, release)),
        model_outcome("%d %d", last(x), last(y)), EXACTLY("1 1", "1 2", "2 1", "2 2"))
LITMUS2(w22_seq_cst, "seq_cst does",
        (store(x, 1, seq_cst), store(y, 2, seq_cst)),
        (store(y, 1, seq_cst), store(x, 2, seq_cst)),
        model_outcome("%d %d", last(x), last(y)), EXACTLY("1 2", "2 1", "2 2"))
LITMUS2(w22_fences, "so do fences",
        (store(x, 1, relaxed), fence(seq_cst), store(y, 2, relaxed)),
        (store(y, 1, relaxed), fence(seq_cst), store(x, 2, relaxed)),
        model_outcome("%d %d", last(x), last(y)), EXACTLY("1 2", "2 1", "2 2"))
LITMUS2(w22_light_heavy, "so does a pair of a light one and a heavy one",
        (store(x, 1, relaxed), model_fence_light(), store(y, 2, relaxed)),
        (store(y, 1, relaxed), model_fence_heavy(), store(x, 2, relaxed)),
        model_outcome("%d %d", last(x), last(y)), EXACTLY("1 2", "2 1", "2 2"))
LITMUS2(w22_seq_cst_release, "the second stores release only: not enough",
        (store(x, 1, seq_cst), store(y, 2, release)),
        (store(y, 1, seq_cst), store(x, 2, release)),
        model_outcome("%d %d", last(x), last(y)), EXACTLY("1 1", "1 2", "2 1", "2 2"))
LITMUS2(r_relaxed, "y = 2 at the end and x missed",
        (store(x, 1, relaxed), store(y, 1, relaxed)),
        (store(y, 2, relaxed), r0 = load(x, relaxed)),
        model_outcome("%d %d", last(y), r0), EXACTLY("1 0", "1 1", "2 0", "2 1"))
LITMUS2(r_release_acquire, "still",
        (store(x, 1, release), store(y, 1, release)),
        (store(y, 2, release), r0 = load(x, acquire)),
        model_outcome("%d %d", last(y), r0), EXACTLY("1 0", "1 1", "2 0", "2 1"))
LITMUS2(r_seq_cst, "not with seq_cst",
        (store(x, 1, seq_cst), store(y, 1, seq_cst)),
        (store(y, 2, seq_cst), r0 = load(x, seq_cst)),
        model_outcome("%d %d", last(y), r0), EXACTLY("1 0", "1 1", "2 1"))
LITMUS2(r_fences, "nor with fences",
        (store(x, 1, relaxed), fence(seq_cst), store(y, 1, relaxed)),
        (store(y, 2, relaxed), fence(seq_cst), r0 = load(x, relaxed)),
        model_outcome("%d %d", last(y), r0), EXACTLY("1 0", "1 1", "2 1"))
LITMUS2(r_release_fence, "a release store is enough on the storing side only with a fence",
        (store(x, 1, relaxed), store(y, 1, release)),
        (store(y, 2, relaxed), fence(seq_cst), r0 = load(x, relaxed)),
        model_outcome("%d %d", last(y), r0), EXACTLY("1 0", "1 1", "2 0", "2 1"))
LITMUS2(s_relaxed, "x = 2 at the end although y = 1 was seen",
        (store(x, 2, relaxed), store(y, 1, relaxed)),
        (r0 = load(y, relaxed), store(x, 1, relaxed)),
        model_outcome("%d %d", last(x), r0), EXACTLY("1 0", "1 1", "2 0", "2 1"))
LITMUS2(s_release_acquire, "not with release and acquire",
        (store(x, 2, relaxed), store(y, 1, release)),
        (r0 = load(y, acquire), store(x, 1, relaxed)),
        model_outcome("%d %d", last(x), r0), EXACTLY("1 0", "1 1", "2 0"))
LITMUS2(s_fences, "nor with fences",
        (store(x, 2, relaxed), fence(release), store(y, 1, relaxed)),
        (r0 = load(y, relaxed), fence(acquire), store(x, 1, relaxed)),
        model_outcome("%d %d", last(x), r0), EXACTLY("1 0", "1 1", "2 0"))

/* ---- three threads: causality ---- */

LITMUS3(wrc_relaxed, "who is told need not see what the teller saw",
        (store(x, 1, relaxed)),
        (r0 = load(x, relaxed), store(y, 1, relaxed)),
        (r1 = load(y, relaxed), r2 = load(x, relaxed)),
        model_outcome("%d %d %d", r0, r1, r2),
        EXACTLY("0 0 0", "0 0 1", "0 1 0", "0 1 1", "1 0 0", "1 0 1", "1 1 0", "1 1 1"))
LITMUS3(wrc_release_acquire, "with release and acquire he does, though the first store is relaxed",
        (store(x, 1, relaxed)),
        (r0 = load(x, relaxed), store(y, 1, release)),
        (r1 = load(y, acquire), r2 = load(x, relaxed)),
        model_outcome("%d %d %d", r0, r1, r2), EXACTLY("0 0 0", "0 0 1", "0 1 0", "0 1 1", "1 0 0", "1 0 1", "1 1 1"))
LITMUS3(isa2_relaxed, "a chain of two relaxed flags",
        (store(x, 1, relaxed), store(y, 1, relaxed)),
        (r0 = load(y, relaxed), store(z, 1, relaxed)),
        (r1 = load(z, relaxed), r2 = load(x, relaxed)),
        model_outcome("%d %d %d", r0, r1, r2),
        EXACTLY("0 0 0", "0 0 1", "0 1 0", "0 1 1", "1 0 0", "1 0 1", "1 1 0", "1 1 1"))
LITMUS3(isa2_release_acquire, "happens-before is transitive",
        (store(x, 1, relaxed), store(y, 1, release)),
        (r0 = load(y, acquire), store(z, 1, release)),
        (r1 = load(z, acquire), r2 = load(x, relaxed)),
        model_outcome("%d %d %d", r0, r1, r2), EXACTLY("0 0 0", "0 0 1", "0 1 0", "0 1 1", "1 0 0", "1 0 1", "1 1 1"))
LITMUS3(isa2_relaxed_link, "a link that does not acquire breaks it",
        (store(x, 1, relaxed), store(y, 1, release)),
        (r0 = load(y, relaxed), store(z, 1, release)),
        (r1 = load(z, acquire), r2 = load(x, relaxed)),
        model_outcome("%d %d %d", r0, r1, r2),
        EXACTLY("0 0 0", "0 0 1", "0 1 0", "0 1 1", "1 0 0", "1 0 1", "1 1 0", "1 1 1"))
LITMUS3(isa2_light_heavy, "a light fence, then a heavy one that saw it, are a link too",
        (store(x, 1, relaxed), model_fence_light(), store(y, 1, relaxed)),
        (r0 = load(y, relaxed), model_fence_heavy(), store(z, 1, relaxed)),
        (r1 = load(z, acquire), r2 = load(x, relaxed)),
        model_outcome("%d %d %d", r0, r1, r2),
        EXACTLY("0 0 0", "0 0 1", "0 1 0", "0 1 1", "1 0 0", "1 0 1", "1 1 1"))
LITMUS3(isa2_heavy_light, "so are a heavy fence and a light one that saw it; but a light one is nothing to an acquire",
        (store(x, 1, relaxed), model_fence_heavy(), store(y, 1, relaxed)),
        (r0 = load(y, relaxed), model_fence_light(), store(z, 1, relaxed)),
        (r1 = load(z, acquire), r2 = load(x, relaxed)),
        model_outcome("%d %d %d", r0, r1, r2),
        EXACTLY("0 0 0", "0 0 1", "0 1 0", "0 1 1", "1 0 0", "1 0 1", "1 1 0", "1 1 1"))
LITMUS3(z63_relaxed, "Z6.3: y = 2 at the end, z seen, x missed",
        (store(x, 1, relaxed), store(y, 1, relaxed)),
        (store(y, 2, relaxed), store(z, 1, relaxed)),
        (r0 = load(z, relaxed), r1 = load(x, relaxed)),
        model_outcome("%d %d %d", last(y), r0, r1),
        EXACTLY("1 0 0", "1 0 1", "1 1 0", "1 1 1", "2 0 0", "2 0 1", "2 1 0", "2 1 1"))
LITMUS3(z63_release_acquire, "mo does not make happens-before: still",
        (store(x, 1, release), store(y, 1, release)),
        (store(y, 2, release), store(z, 1, release)),
        (r0 = load(z, acquire), r1 = load(x, acquire)),
        model_outcome("%d %d %d", last(y), r0, r1),
        EXACTLY("1 0 0", "1 0 1", "1 1 0", "1 1 1", "2 0 0", "2 0 1", "2 1 0", "2 1 1"))
LITMUS3(z63_seq_cst, "not with seq_cst",
        (store(x, 1, seq_cst), store(y, 1, seq_cst)),
        (store(y, 2, seq_cst), store(z, 1, seq_cst)),
        (r0 = load(z, seq_cst), r1 = load(x, seq_cst)),
        model_outcome("%d %d %d", last(y), r0, r1),
        EXACTLY("1 0 0", "1 0 1", "1 1 0", "1 1 1", "2 0 0", "2 0 1", "2 1 1"))
LITMUS3(z63_fences, "nor with fences",
        (store(x, 1, relaxed), fence(seq_cst), store(y, 1, relaxed)),
        (store(y, 2, relaxed), fence(seq_cst), store(z, 1, relaxed)),
        (r0 = load(z, relaxed), fence(seq_cst), r1 = load(x, relaxed)),
        model_outcome("%d %d %d", last(y), r0, r1),
        EXACTLY("1 0 0", "1 0 1", "1 1 0", "1 1 1", "2 0 0", "2 0 1", "2 1 1"))

/* ---- where RC11 repairs C11 ---- */

LITMUS3(z6u, "Z6.U: C11 is too strong, Power does 1 3 0 and RC11 allows it",
        (store(x, 1, seq_cst), store(y, 1, release)),
        (r0 = add(y, 1, seq_cst), r1 = load(y, relaxed)),
        (store(y, 3, seq_cst), r2 = load(x, seq_cst)),
        model_outcome("%d %d %d", r0, r1, r2),
        EXACTLY("0 1 0", "0 1 1", "0 3 0", "0 3 1", "1 2 0", "1 2 1", "1 3 0", "1 3 1", "3 1 0", "3 1 1", "3 4 0",
                "3 4 1"))
LITMUS3(sc_through_release, "seq_cst accesses ordered by happens-before over other locations: 1 0 0 is forbidden",
        (store(x, 1, seq_cst), store(z, 1, release)),
        (r0 = load(z, acquire), r1 = load(y, seq_cst)),
        (store(y, 1, seq_cst), r2 = load(x, seq_cst)),
        model_outcome("%d %d %d", r0, r1, r2), EXACTLY("0 0 0", "0 0 1", "0 1 0", "0 1 1", "1 0 1", "1 1 0", "1 1 1"))
LITMUS3(sc_through_pair, "a light fence and a heavy one are no happens-before: allowed",
        (store(x, 1, seq_cst), model_fence_light(), store(z, 1, relaxed)),
        (r0 = load(z, relaxed), model_fence_heavy(), r1 = load(y, seq_cst)),
        (store(y, 1, seq_cst), r2 = load(x, seq_cst)),
        model_outcome("%d %d %d", r0, r1, r2),
        EXACTLY("0 0 0", "0 0 1", "0 1 0", "0 1 1", "1 0 0", "1 0 1", "1 1 0", "1 1 1"))
LITMUS3(sc_through_rf, "the first location itself carries the release: 1 0 0 is allowed",
        (store(x, 1, seq_cst)),
        (r0 = load(x, acquire), r1 = load(y, seq_cst)),
        (store(y, 1, seq_cst), r2 = load(x, seq_cst)),
        model_outcome("%d %d %d", r0, r1, r2),
        EXACTLY("0 0 0", "0 0 1", "0 1 0", "0 1 1", "1 0 0", "1 0 1", "1 1 0", "1 1 1"))
LITMUS3(rwc_relaxed, "RWC: the second thread saw x, but missed y; the third stored y, but missed x",
        (store(x, 1, relaxed)),
        (r0 = load(x, relaxed), r1 = load(y, relaxed)),
        (store(y, 1, relaxed), r2 = load(x, relaxed)),
        model_outcome("%d %d %d", r0, r1, r2),
        EXACTLY("0 0 0", "0 0 1", "0 1 0", "0 1 1", "1 0 0", "1 0 1", "1 1 0", "1 1 1"))
LITMUS3(rwc_fences, "RWC with fences: C11 is too weak, RC11 forbids 1 0 0",
        (store(x, 1, relaxed)),
        (r0 = load(x, relaxed), fence(seq_cst), r1 = load(y, relaxed)),
        (store(y, 1, relaxed), fence(seq_cst), r2 = load(x, relaxed)),
        model_outcome("%d %d %d", r0, r1, r2), EXACTLY("0 0 0", "0 0 1", "0 1 0", "0 1 1", "1 0 1", "1 1 0", "1 1 1"))
LITMUS3(rwc_light_heavy, "RWC with a light fence and a heavy one",
        (store(x, 1, relaxed)),
        (r0 = load(x, relaxed), model_fence_light(), r1 = load(y, relaxed)),
        (store(y, 1, relaxed), model_fence_heavy(), r2 = load(x, relaxed)),
        model_outcome("%d %d %d", r0, r1, r2), EXACTLY("0 0 0", "0 0 1", "0 1 0", "0 1 1", "1 0 1", "1 1 0", "1 1 1"))
LITMUS3(wrwc_fences, "W+RWC with fences and a release: 1 0 0 is forbidden",
        (store(x, 1, relaxed), store(z, 1, release)),
        (r0 = load(z, acquire), fence(seq_cst), r1 = load(y, relaxed)),
        (store(y, 1, relaxed), fence(seq_cst), r2 = load(x, relaxed)),
        model_outcome("%d %d %d", r0, r1, r2), EXACTLY("0 0 0", "0 0 1", "0 1 0", "0 1 1", "1 0 1", "1 1 0", "1 1 1"))
LITMUS3(wrwc_relaxed_flag, "the flag relaxed: allowed",
        (store(x, 1, relaxed), store(z, 1, relaxed)),
        (r0 = load(z, relaxed), fence(seq_cst), r1 = load(y, relaxed)),
        (store(y, 1, relaxed), fence(seq_cst), r2 = load(x, relaxed)),
        model_outcome("%d %d %d", r0, r1, r2),
        EXACTLY("0 0 0", "0 0 1", "0 1 0", "0 1 1", "1 0 0", "1 0 1", "1 1 0", "1 1 1"))
LITMUS2(sc_mp_mixed, "a seq_cst store and a relaxed load of it: no order",
        (store(x, 1, relaxed), store(y, 1, seq_cst)),
        (r0 = load(y, relaxed), r1 = load(x, seq_cst)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "0 1", "1 0", "1 1"))
LITMUS2(sc_coherence, "seq_cst and relaxed stores of one location",
        (store(x, 1, seq_cst), store(x, 2, relaxed), r0 = load(y, seq_cst)),
        (store(y, 1, seq_cst), r1 = load(x, seq_cst)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 1", "0 2", "1 0", "1 1", "1 2"))

/* ---- atomicity of updates ---- */

LITMUS2(add_add, "no addition is lost",
        (r0 = add(x, 1, relaxed)), (r1 = add(x, 1, relaxed)),
        model_outcome("%d %d %d", r0, r1, last(x)), EXACTLY("0 1 2", "1 0 2"))
LITMUS3(add_add_add, "nor of three",
        (r0 = add(x, 1, relaxed)), (r1 = add(x, 1, relaxed)), (r2 = add(x, 1, relaxed)),
        model_outcome("%d %d %d %d", r0, r1, r2, last(x)),
        EXACTLY("0 1 2 3", "0 2 1 3", "1 0 2 3", "1 2 0 3", "2 0 1 3", "2 1 0 3"))
LITMUS2(add_store, "no store comes between an update's two halves",
        (r0 = add(x, 1, relaxed)), (store(x, 5, relaxed)),
        model_outcome("%d %d", r0, last(x)), EXACTLY("0 5", "5 6"))
LITMUS2(load_add_store, "a load and a store are no update: one addition may be lost",
        (r0 = load(x, relaxed), store(x, r0 + 1, relaxed)),
        (r1 = load(x, relaxed), store(x, r1 + 1, relaxed)),
        model_outcome("%d %d %d", r0, r1, last(x)), EXACTLY("0 0 1", "0 1 2", "1 0 2"))
LITMUS2(cas_cas, "one wins",
        (r0 = cas(x, 0, 1, relaxed, relaxed)), (r1 = cas(x, 0, 2, relaxed, relaxed)),
        model_outcome("%d %d %d", r0, r1, last(x)), EXACTLY("0 1 1", "2 0 2"))
LITMUS3(cas_cas_cas, "one of three wins",
        (r0 = cas(x, 0, 1, acq_rel, acquire)), (r1 = cas(x, 0, 2, acq_rel, acquire)),
        (r2 = cas(x, 0, 3, acq_rel, acquire)),
        model_outcome("%d %d %d %d", r0, r1, r2, last(x)), EXACTLY("0 1 1 1", "2 0 2 2", "3 3 0 3"))
LITMUS2(cas_stale, "a compare-exchange that fails may have seen an old value",
        (store(x, 1, relaxed), store(y, 1, relaxed)),
        (r0 = load(y, relaxed), r1 = cas(x, 7, 8, relaxed, relaxed)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0", "0 1", "1 0", "1 1"))
LITMUS2(cas_fresh, "one that succeeds has not: it missed no store that comes before its own",
        (store(x, 1, relaxed)),
        (r0 = cas(x, 0, 2, relaxed, relaxed), r1 = load(x, relaxed)),
        model_outcome("%d %d %d", r0, r1, last(x)), EXACTLY("0 1 1", "0 2 1", "1 1 1"))
LITMUS2(cas_weak_bound, "weak ones fail for no reason at most as often as the scenario says",
        (r0 = cas_weak(x, 0, 1, relaxed, relaxed), r1 = cas_weak(x, 0, 1, relaxed, relaxed)),
        (r2 = cas_weak(y, 0, 1, relaxed, relaxed)),
        model_outcome("%d %d %d %d", r0, r1, r2, last(x)),
        EXACTLY("-1 0 -1 1", "-1 0 0 1", "0 -2 -1 1", "0 -2 0 1"), .spurious = 1)
LITMUS2(cas_weak_never, "never, if it says nothing",
        (r0 = cas_weak(x, 0, 1, relaxed, relaxed)), (r1 = cas_weak(y, 0, 1, relaxed, relaxed)),
        model_outcome("%d %d", r0, r1), EXACTLY("0 0"))
LITMUS2(cas_weak_later, "one fails for no reason although it saw what it expects, of a thread that comes later",
        (r0 = cas_weak(x, 1, 2, relaxed, relaxed)), (store(x, 1, relaxed)),
        model_outcome("%d %d", r0, last(x)), EXACTLY("-2 1", "-1 1", "1 2"), .spurious = 1)
LITMUS2(cas_weak_both, "two may both fail",
        (r0 = cas_weak(x, 0, 1, relaxed, relaxed)), (r1 = cas_weak(x, 0, 2, relaxed, relaxed)),
        model_outcome("%d %d %d", r0, r1, last(x)),
        EXACTLY("-3 0 2", "-1 -1 0", "-1 0 2", "0 -2 1", "0 -1 1"), .spurious = 1)
LITMUS3(swap_chain, "exchanges form a chain",
        (r0 = swap(x, 1, relaxed)), (r1 = swap(x, 2, relaxed)), (r2 = swap(x, 3, relaxed)),
        model_outcome("%d %d %d %d", r0, r1, r2, last(x)),
        EXACTLY("0 1 2 3", "0 3 1 2", "2 0 1 3", "2 3 0 1", "3 0 2 1", "3 1 0 2"))
LITMUS2(swap_handoff, "what is put in is taken out once, with its data",
        (d = 1, swap(x, 1, release)),
        (r0 = swap(x, 2, acquire), when(r0 == 1, r1 = d)),
        model_outcome("%d %d %d", r0, r1, last(x)), EXACTLY("0 0 1", "1 1 2"))

static const struct model_scenario *const scenarios[] = {
    &sb_relaxed, &sb_release_acquire, &sb_seq_cst, &sb_seq_cst_stores, &sb_seq_cst_loads, &sb_seq_cst_one_side,
    &sb_fences, &sb_fences_acq_rel, &sb_fence_one_side, &sb_fence_and_accesses, &sb_light_light, &sb_light_heavy,
    &sb_heavy_light, &sb_heavy_heavy, &sb_heavy_full, &sb_light_full, &sb_three_fences, &sb_three_heavy, &sb_exchange,
    &sb_exchange_acq_rel, &sb_exchange_seq_cst, &sb_exchange_no_fence, &sb_add_zero, &sb_one_update_location,
    &mp_relaxed, &mp_release_acquire, &mp_release_only, &mp_acquire_only, &mp_fences, &mp_fence_load, &mp_store_fence,
    &mp_fences_exchanged, &mp_release_acquire_update, &mp_updates_wrong_halves, &mp_seq_cst_store_relaxed_load,
    &mp_failed_cas_acquire, &mp_failed_cas_relaxed, &mp_plain, &mp_plain_fences, &mp_light_heavy, &mp_plain_light_heavy,
    &mp_plain_relaxed, &mp_plain_release_only, &mp_plain_acquire_only, &mp_plain_late_fence, &mp_plain_early_fence,
    &mp_plain_light_light, &mp_plain_light_acquire, &mp_plain_failed_cas, &mp_plain_write_back, &lb_relaxed,
    &lb_release_acquire, &lb_values, &lb_updates, &iriw_relaxed, &iriw_release_acquire, &iriw_seq_cst, &iriw_fences,
    &iriw_light_heavy, &iriw_acquire_seq_cst, &corr, &corr_store_apart, &corr_observers, &corr_third, &coww, &corw,
    &cowr, &rs_same_thread, &rs_same_thread_plain, &rs_fence_second_store, &rs_own_update, &rs_other_update,
    &rs_two_updates, &rs_cas, &rs_exchange_early, &rs_store_between, &rs_update_of_store, &rs_fence_update,
    &rs_two_heads, &rs_count_down, &w22_relaxed, &w22_release, &w22_seq_cst, &w22_fences, &w22_light_heavy,
    &w22_seq_cst_release, &r_relaxed, &r_release_acquire, &r_seq_cst, &r_fences, &r_release_fence, &s_relaxed,
    &s_release_acquire, &s_fences, &wrc_relaxed, &wrc_release_acquire, &isa2_relaxed, &isa2_release_acquire,
    &isa2_relaxed_link, &isa2_light_heavy, &isa2_heavy_light, &z63_relaxed, &z63_release_acquire, &z63_seq_cst,
    &z63_fences, &z6u, &sc_through_release, &sc_through_pair, &sc_through_rf, &rwc_relaxed, &rwc_fences,
    &rwc_light_heavy, &wrwc_fences, &wrwc_relaxed_flag, &sc_mp_mixed, &sc_coherence, &add_add, &add_add_add, &add_store,
    &load_add_store, &cas_cas, &cas_cas_cas, &cas_stale, &cas_fresh, &cas_weak_bound, &cas_weak_never, &cas_weak_later,
    &cas_weak_both, &swap_chain, &swap_handoff, NULL,
};
/* clang-format on */

int main(int argc, char **argv)
{
    return model_main(argc, argv, scenarios);
}
