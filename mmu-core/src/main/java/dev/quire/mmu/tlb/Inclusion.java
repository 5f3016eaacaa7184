package dev.quire.mmu.tlb;

import dev.quire.mmu.Order;

/** L1 under an inclusive L2: what leaves L2 leaves it too. */
final class Inclusion {
  private final TranslationCache[] inner;

  Inclusion(TranslationCache[] inner) {
    this.inner = inner;
  }

  /** A slot of L2 is about to be another's. */
  void leaves(TranslationCache from, int slot) {
    if (!from.isTranslation(slot)) {
      return;
    }
    long start = from.start(slot);
    long last = start | Order.offsetMask(from.order(slot));
    long owner = from.owner(slot);
    for (TranslationCache cache : inner) {
      for (int other = 0; other < cache.entries(); other++) {
        if (cache.key(other) != TranslationCache.FREE && cache.owner(other) == owner) {
          long otherStart = cache.start(other);
          long otherLast = otherStart | Order.offsetMask(cache.order(other));
          if (Long.compareUnsigned(otherStart, last) <= 0
              && Long.compareUnsigned(otherLast, start) >= 0) {
            cache.remove(other);
          }
        }
      }
    }
  }
}
