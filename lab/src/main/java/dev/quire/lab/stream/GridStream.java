package dev.quire.lab.stream;

/**
 * A walk over a two-dimensional array stored row after row: by rows, by columns, or tile by tile
 * (by rows inside a tile). Starts again at the end.
 */
final class GridStream extends SyntheticStream {
  private final long base;
  private final long pitch;
  private final long element;
  private final int rows;
  private final int columns;
  private final int tileRows;
  private final int tileColumns;

  /** The tile's first cell, and the cell inside it. */
  private int tileRow;

  private int tileColumn;
  private int row;
  private int column;

  /**
   * @param pitch bytes from one row to the next
   * @param element bytes from one column to the next
   * @param tileRows height of a tile: 1 for a walk by rows, all rows for one by columns
   * @param tileColumns width of a tile: all columns for a walk by rows, 1 for one by columns
   */
  GridStream(
      StreamParameters common,
      int rows,
      int columns,
      long pitch,
      long element,
      int tileRows,
      int tileColumns) {
    super(common.count(), common.writeShare(), common.seed());
    this.base = common.base();
    this.rows = rows;
    this.columns = columns;
    this.pitch = pitch;
    this.element = element;
    this.tileRows = tileRows;
    this.tileColumns = tileColumns;
  }

  @Override
  void fill(long[] target, int count) {
    for (int i = 0; i < count; i++) {
      target[i] = base + (tileRow + row) * pitch + (tileColumn + column) * element;
      step();
    }
  }

  private void step() {
    if (++column < tileColumns && tileColumn + column < columns) {
      return;
    }
    column = 0;
    if (++row < tileRows && tileRow + row < rows) {
      return;
    }
    row = 0;
    tileColumn += tileColumns;
    if (tileColumn < columns) {
      return;
    }
    tileColumn = 0;
    tileRow += tileRows;
    if (tileRow >= rows) {
      tileRow = 0;
    }
  }
}
