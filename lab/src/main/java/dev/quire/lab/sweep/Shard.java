package dev.quire.lab.sweep;

/**
 * A share of a sweep's cells, for job arrays.
 *
 * @param index which, from 0
 * @param count of how many
 */
public record Shard(int index, int count) {
  /** All cells. */
  public static final Shard WHOLE = new Shard(0, 1);

  /**
   * Reads {@code I/N}.
   *
   * @throws BadSweepException if it is something else, or I is not below N
   */
  public static Shard parse(String text) {
    if (text.matches("[0-9]{1,6}/[0-9]{1,6}")) {
      int slash = text.indexOf('/');
      int index = Integer.parseInt(text.substring(0, slash));
      int count = Integer.parseInt(text.substring(slash + 1));
      if (index < count) {
        return new Shard(index, count);
      }
    }
    throw new BadSweepException(
        "--shard '" + text + "' is not I/N with I from 0 to N-1, such as 0/4");
  }

  /** Cells go to shards in turn, so that each gets some of every region of the grid. */
  public boolean has(SweepCell cell) {
    return cell.index() % count == index;
  }
}
