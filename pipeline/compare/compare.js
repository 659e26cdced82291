"use strict";
(() => {
  const holder = document.getElementById("points");
  const form = document.getElementById("setting");
  if (!holder || !form) return;
  const data = JSON.parse(holder.textContent);
  const field = (id) => document.getElementById(id);

  // The choices below are those of evaluation/operating_points.py and
  // pipeline/compare/exploring.py, comparison by comparison.
  const withinAlerts = (points, share) => {
    const allowed = share * (1 + 1e-12);
    let chosen = 0;
    points.validation_alerts.forEach((alerts, i) => { if (alerts <= allowed) chosen = i; });
    return chosen;
  };
  const ofLeastCost = (points, perFalseAlarm, perMissedUnit) => {
    let chosen = 0;
    let lowest = Infinity;
    points.validation_false_alarms.forEach((alarms, i) => {
      const cost = perFalseAlarm * alarms + perMissedUnit * points.validation_missed_amount[i];
      if (cost < lowest) { lowest = cost; chosen = i; }
    });
    return chosen;
  };
  const value = (id) => {
    const number = Number.parseFloat(field(id).value);
    return Number.isFinite(number) && number >= 0 ? number : 0;
  };
  const rules = {
    alerts_per_day: {
      choose: (points) => withinAlerts(points, value("alerts-per-day") / data.transactions_per_day),
      command: () => `--alerts-per-day ${value("alerts-per-day")}`,
    },
    alerts_per_thousand: {
      choose: (points) => withinAlerts(points, value("alerts-per-thousand") / 1000),
      command: () => `--alerts-per-thousand ${value("alerts-per-thousand")}`,
    },
    cost: {
      choose: (points) =>
        ofLeastCost(points, value("cost-per-false-alarm"), value("cost-per-missed-unit")),
      command: () =>
        `--cost-per-false-alarm ${value("cost-per-false-alarm")} ` +
        `--cost-per-missed-unit ${value("cost-per-missed-unit")}`,
    },
    stored: {
      choose: (points, label) => points.threshold.indexOf(data.stored[label]),
      command: () => "",
    },
  };

  const fixed = (number, digits) =>
    number.toLocaleString("en-US", {
      minimumFractionDigits: digits, maximumFractionDigits: digits,
    });
  // As Python's "%.6g".
  const sixDigits = (number) => {
    const exponent = Math.floor(Math.log10(Math.abs(number)));
    if (number !== 0 && (exponent < -4 || exponent >= 6)) {
      const [mantissa, power] = number.toExponential(5).split("e");
      const digits = power.slice(1).padStart(2, "0");
      return `${Number(mantissa)}e${power[0]}${digits}`;
    }
    return String(Number(number.toPrecision(6)));
  };
  const shown = (points, i) => ({
    threshold: points.threshold[i] === null ? "none" : sixDigits(points.threshold[i]),
    alerts_per_day: data.transactions_per_day === null
      ? "–" : fixed(points.alerts[i] * data.transactions_per_day, 1),
    n_caught: `${fixed(points.caught[i], 0)} of ${fixed(data.n_frauds, 0)}`,
    n_false_alarms: fixed(points.false_alarms[i], 0),
    amount_caught: data.amount_at_risk === null ? "–" : fixed(points.caught_amount[i], 2),
  });

  const update = () => {
    const name = form.elements.rule.value;
    form.querySelectorAll(".fields").forEach((fields) => {
      fields.hidden = fields.dataset.rule !== name;
    });
    const rule = rules[name];
    document.querySelectorAll("#operating-points tbody tr").forEach((row) => {
      const points = data.points[row.dataset.label];
      const cells = shown(points, rule.choose(points, row.dataset.label));
      row.querySelectorAll("td").forEach((cell) => {
        cell.textContent = cells[cell.dataset.field];
      });
    });
    field("command").textContent = `counterfoil compare ${rule.command()}`.trim();
  };
  form.addEventListener("input", update);
  form.addEventListener("submit", (event) => event.preventDefault());
  update();
})();
