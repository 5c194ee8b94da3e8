//! What the switch approved at the acquirer's own risk, as the terminals and the operator see it: each once, within the
//! limits of its card.

use std::collections::BTreeMap;

use pointsman_engine::{ApprovalCode, CardId, Cause};
use pointsman_iso8583::View;

use crate::plan::{StandInPlan, identify};

#[derive(Debug, Default)]
pub(crate) struct Risk {
    approvals: BTreeMap<u64, Approval>,
    given: BTreeMap<(usize, u64, CardId), (u32, u64)>,
    /// The latest day on which something was approved: a clock that is set back brings no new limits.
    day: u64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Approval {
    pub(crate) link: usize,
    pub(crate) code: ApprovalCode,
    pub(crate) amount: u64,
    card: CardId,
    /// None where nobody can say.
    day: Option<u64>,
    /// The terminal may know of it: only then it counts.
    handed_out: bool,
}

impl Risk {
    /// A link approves by itself. `refusal` is why it may not ask the bank.
    pub(crate) fn approves(
        &mut self,
        (link, plan): (usize, Option<&StandInPlan>),
        nonce: u64,
        request: &View<'_>,
        code: ApprovalCode,
        (day, refusal): (Option<u64>, Option<Cause>),
    ) -> Result<(), String> {
        match self.approvals.get(&nonce) {
            // It is a repeat.
            Some(known) if (known.link, known.code) == (link, code) => return Ok(()),
            Some(known) if known.handed_out => {
                return Err(format!("approved as {code:?}, and before that {known:?}"));
            }
            // A crash took the first.
            Some(_) | None => {}
        }
        let plan = plan.ok_or("approved where nobody may")?;
        let pan = request.pan().ok_or("approved without a card")?;
        let amount = request.amount().map_or(0, |amount| amount.get());
        let card = identify(&pan);
        if refusal.is_none() {
            return Err("approved while the bank could be asked".into());
        }
        if plan.stolen_card(link) == Some(card) {
            return Err("approved for a stolen card".into());
        }
        if request.has(52) {
            return Err("approved although only the bank can check the PIN".into());
        }
        if !(plan.amount_min..=plan.amount_max).contains(&amount) {
            return Err(format!(
                "{amount} is approved, which is not between the limits"
            ));
        }
        if let Some(day) = day {
            self.day = self.day.max(day);
        }
        let approval = Approval {
            link,
            code,
            amount,
            card,
            day: day.map(|_| self.day),
            handed_out: false,
        };
        self.approvals.insert(nonce, approval);
        Ok(())
    }

    /// An approval is handed out: it counts from now on, once.
    pub(crate) fn hands_out(
        &mut self,
        nonce: u64,
        plan: Option<&StandInPlan>,
    ) -> Result<(), String> {
        let approval = self.approvals.get_mut(&nonce).ok_or("nobody approved it")?;
        let plan = plan.ok_or("approved where nobody may")?;
        if core::mem::replace(&mut approval.handed_out, true) {
            return Ok(());
        }
        let Some(day) = approval.day else {
            return Ok(());
        };
        let key = (approval.link, day, approval.card);
        let (count, amount) = self.given.entry(key).or_default();
        *count += 1;
        *amount = amount.saturating_add(approval.amount);
        if *count > plan.card_count_max || *amount > plan.card_amount_max {
            return Err(format!(
                "approved {count} times, {amount} in all: more than a card may in a day"
            ));
        }
        Ok(())
    }

    /// The clock is set: which day an approval of before belongs to is for nobody to say.
    pub(crate) fn forget_limits(&mut self) {
        self.given.clear();
        self.day = 0;
    }

    /// What a terminal may have been told of, without the bank.
    pub(crate) fn approval(&self, nonce: u64) -> Option<&Approval> {
        self.approvals
            .get(&nonce)
            .filter(|approval| approval.handed_out)
    }
}
