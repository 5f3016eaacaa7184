package dev.quire.lab.tlb;

import dev.quire.kernel.mm.HostPagePolicy;

/**
 * One combination that must be run by itself, since it decides the layout of memory; geometries
 * watch it side by side.
 *
 * @param guestPages as the user names them; null where nobody chooses (a process of the host, a
 *     guest that decides by itself)
 * @param hostPages what backs the memory
 */
public record TlbCell(String guestPages, HostPagePolicy hostPages) {
  /** For progress and messages. */
  @Override
  public String toString() {
    return guestPages == null
        ? "host pages " + hostPages
        : "guest pages " + guestPages + ", host pages " + hostPages;
  }
}
