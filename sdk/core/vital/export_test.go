package vital

// TableLen is the number of metrics in the table.
const TableLen = len(metrics)
