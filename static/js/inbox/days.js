// Days of an open thread: what is pushed is the same for every viewer, so the first entry of a viewer's day gets its
// separator here, as inbox/_day.html writes it.
import { dateOf, dayName, instantOf } from "../times.js";

/** Put the separator of its day before an entry that has come into a thread, unless it is there. */
function separate(entry) {
  const date = dateOf(Date.parse(entry.dataset.liveKey.split("~")[0]));
  if (document.getElementById(`day-${date}`)) return;
  const separator = document.createElement("li");
  separator.className = "flex-none day-of";
  separator.id = `day-${date}`;
  separator.dataset.liveKey = new Date(instantOf(`${date}T00:00:00`)).toISOString().replace("Z", "000Z");
  const name = Object.assign(document.createElement("time"), { dateTime: date, textContent: dayName(date) });
  name.dataset.day = "";
  separator.append(Object.assign(document.createElement("div"), { className: "day" }));
  separator.firstChild.append(name);
  entry.before(separator);
}

document.addEventListener("live:entered", (event) => {
  const entry = event.target.id?.startsWith("thread-") && document.getElementById(event.detail.id);
  if (entry) separate(entry);
});
