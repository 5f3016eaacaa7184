package dev.quire.kvm.vm;

import dev.quire.kernel.gmem.GuestMemfd;
import dev.quire.kvm.fd.SharedPages;

/**
 * A guest_memfd and its bytes.
 *
 * @param pages that a client can map, closed when the file is gone; null where the client's process
 *     is modelled and maps the file itself
 */
public record GuestMemory(GuestMemfd file, SharedPages pages) {}
