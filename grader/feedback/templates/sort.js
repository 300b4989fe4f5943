document.querySelectorAll("table.sortable").forEach(function (table) {
  var body = table.tBodies[0];
  table.querySelectorAll("thead th").forEach(function (head, column) {
    var button = document.createElement("button");
    while (head.firstChild) button.appendChild(head.firstChild);
    button.type = "button";
    head.appendChild(button);
    button.addEventListener("click", function () {
      var down = head.getAttribute("aria-sort") === "ascending";
      table.querySelectorAll("th[aria-sort]").forEach(function (other) { other.removeAttribute("aria-sort"); });
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      function key(row) {
        var cell = row.cells[column];
        return cell.hasAttribute("data-v") ? Number(cell.getAttribute("data-v")) : cell.textContent.trim();
      }
      Array.from(body.rows).map(function (row) { return [key(row), row]; }).sort(function (a, b) {
        var order = typeof a[0] === "number" && typeof b[0] === "number" ? a[0] - b[0]
          : String(a[0]).localeCompare(String(b[0]), undefined, { numeric: true });
        return down ? -order : order;
      }).forEach(function (pair) { body.appendChild(pair[1]); });
    });
  });
});
