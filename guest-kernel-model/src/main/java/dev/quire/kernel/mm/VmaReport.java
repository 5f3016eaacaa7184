package dev.quire.kernel.mm;

/**
 * One mapping as /proc/PID/smaps shows it; sizes in KiB.
 *
 * @param start in bytes
 * @param end in bytes, exclusive
 * @param permissions as "rw-p"
 * @param vmFlags two-letter names in the kernel's order, between single spaces
 */
public record VmaReport(
    long start,
    long end,
    String permissions,
    long offset,
    long rssKb,
    long anonymousKb,
    long anonHugeKb,
    long shmemPmdKb,
    long filePmdKb,
    long sharedHugetlbKb,
    long privateHugetlbKb,
    long lockedKb,
    boolean thpEligible,
    String vmFlags) {}
