package dev.quire.kernel.mm;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Which kernel the host runs, by the name {@code --host-kernel} gives it: {@code
 * NAME[+memory-attributes]}. The only place that decides what differs between them.
 *
 * @param release what it is built from
 * @param memoryAttributes built with CONFIG_KVM_GENERIC_MEMORY_ATTRIBUTES: pages of a guest are
 *     private or shared
 */
public record KernelProfile(Release release, boolean memoryAttributes) {
  /** A kernel's source. */
  public enum Release {
    /** As released. */
    LINUX_6_18("linux-6.18"),
    /** Userfaultfd works on guest_memfd (mail 20260306171815.3160826-1-rppt@kernel.org). */
    LINUX_7_1("linux-7.1"),
    /**
     * Linux 6.18 with write(2) to a guest_memfd, its pages inserted in batches (mail
     * 20250110154659.95464-1-kalyazin@amazon.com), and with guest_memfd that leave the direct map.
     */
    RFC_WRITE("rfc-write");

    private final String text;

    Release(String text) {
      this.text = text;
    }

    @Override
    public String toString() {
      return text;
    }
  }

  private static final String MEMORY_ATTRIBUTES = "+memory-attributes";

  /** What the kernel of the goldens is. */
  public static final KernelProfile LINUX_6_18 = new KernelProfile(Release.LINUX_6_18, false);

  public static final KernelProfile LINUX_7_1 = new KernelProfile(Release.LINUX_7_1, false);
  public static final KernelProfile RFC_WRITE = new KernelProfile(Release.RFC_WRITE, false);

  /**
   * Reads a profile's name.
   *
   * @throws IllegalArgumentException with a message for the user that names the legal ones
   */
  public static KernelProfile parse(String name) {
    boolean attributes = name.endsWith(MEMORY_ATTRIBUTES);
    String release =
        attributes ? name.substring(0, name.length() - MEMORY_ATTRIBUTES.length()) : name;
    for (Release known : Release.values()) {
      if (known.text.equals(release)) {
        return new KernelProfile(known, attributes);
      }
    }
    throw new IllegalArgumentException(
        "unknown host kernel '%s'; choose one of %s".formatted(name, String.join(", ", names())));
  }

  /** All names that {@link #parse} accepts. */
  public static List<String> names() {
    List<String> names =
        Arrays.stream(Release.values())
            .map(Release::toString)
            .collect(Collectors.toCollection(ArrayList::new));
    names.addAll(names.stream().map(name -> name + MEMORY_ATTRIBUTES).toList());
    return names;
  }

  /** Whether write(2) populates a guest_memfd. */
  public boolean guestMemfdWrite() {
    return release == Release.RFC_WRITE;
  }

  /** Whether a guest_memfd can be out of the kernel's direct map. */
  public boolean guestMemfdNoDirectMap() {
    return release == Release.RFC_WRITE;
  }

  /** Whether userfaultfd may be registered on mappings of guest_memfd (its vm_uffd_ops). */
  public boolean guestMemfdUserfaultfd() {
    return release == Release.LINUX_7_1;
  }

  /**
   * Whether mm looks for a cached page, and so for a userfaultfd to ask, before it calls a file's
   * fault handler (__do_userfault); before, shmem and hugetlb did it themselves.
   */
  public boolean asksUserfaultfdFirst() {
    return release == Release.LINUX_7_1;
  }

  @Override
  public String toString() {
    return release + (memoryAttributes ? MEMORY_ATTRIBUTES : "");
  }
}
