/** What {@code quire restore} tells of restored guests: prices, points, the table, time lines. */
package dev.quire.lab.restore;
