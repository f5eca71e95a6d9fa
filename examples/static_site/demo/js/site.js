// Fills the table of high waters: a plain model of the semidiurnal tide, good enough for a page that nobody sails by.
"use strict";

/** Hours between two high waters. */
const PERIOD = 12.4206;
/** Days from one spring tide to the next. */
const SPRINGS = 14.765;
/** Mean height and half the difference of springs and neaps, in metres. */
const MEAN = 4.8;
const SWING = 1.1;

/** High waters of the day that is `day` days from now. */
function highWaters(day) {
  const found = [];
  const first = 2.3; // of day 0
  for (let number = 0; ; number += 1) {
    const hours = first + number * PERIOD;
    if (hours >= (day + 1) * 24) {
      return found;
    }
    if (hours >= day * 24) {
      found.push({ hours: hours - day * 24, height: heightAt(hours) });
    }
  }
}

/** Height of a high water, by the age of the moon. */
function heightAt(hours) {
  return MEAN + SWING * Math.cos((2 * Math.PI * hours) / 24 / SPRINGS);
}

function clock(hours) {
  const minutes = Math.round(hours * 60);
  const two = (number) => String(number).padStart(2, "0");
  return `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

function cell(kind, text) {
  const element = document.createElement(kind);
  element.textContent = text;
  return element;
}

function fill(table) {
  const head = table.createTHead().insertRow();
  for (const title of ["Day", "Morning", "Evening", "Height"]) {
    head.append(cell("th", title));
  }
  const body = table.createTBody();
  const names = ["Today", "Tomorrow", "In 2 days", "In 3 days", "In 4 days"];
  names.forEach((name, day) => {
    const row = body.insertRow();
    const waters = highWaters(day);
    row.append(cell("td", name));
    row.append(cell("td", waters[0] ? clock(waters[0].hours) : "none"));
    row.append(cell("td", waters[1] ? clock(waters[1].hours) : "none"));
    row.append(cell("td", waters[0] ? `${waters[0].height.toFixed(1)} m` : ""));
  });
}

const table = document.getElementById("tides");
if (table) {
  fill(table);
}
