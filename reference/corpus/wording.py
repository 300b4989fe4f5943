"""The words around an issue: openings, fillers, closings, slots and synonyms. Data only."""

from __future__ import annotations

OPENINGS = [
    "i am writing about my <product> with <co>",
    "this complaint is about a <product> at <co>",
    "on <date> i contacted <co> about my <product>",
    "<co> does not solve my <product> problem",
    "since <date> there is trouble with <co> and a <product>",
    "i am a customer of <co>",
    "to whom it may concern",
    "i have tried for <n> months to get help from <co>",
    "my <product> is a nightmare",
    "please help me with <co>",
]

FILLERS = [
    "i called <n> times and nobody called back",
    "the representative was rude and hung up on me",
    "i sent all the documents by certified mail on <date>",
    "a supervisor promised an answer by <date>",
    "they told me to wait <n> more weeks",
    "i have lost <amt> because of this",
    "this causes me a lot of stress",
    "i was transferred from one department to another",
    "every person gives me another answer",
    "i have copies of every letter",
    "the chat with <co> went nowhere",
    "my family depends on this money",
    "i filed a complaint with the state in <date>",
    "they refuse to put anything in writing",
]

CLOSINGS = [
    "i want this to be fixed",
    "please investigate",
    "i ask for a refund of <amt>",
    "this is not acceptable",
    "i want a written answer from <co>",
    "thank you for your help",
    "something has to be done about this company",
    "i will go to a lawyer if this goes on",
]

SLOTS = {
    "amt": ["$40.00", "$95.00", "$120.00", "$250.00", "$480.00", "$760.00", "$1200.00", "$2500.00", "$4300.00",
            "$8900.00", "{$300.00}", "{$65.00}", "XXXX dollars"],
    "date": ["XX/XX/XXXX", "XX/XX/2019", "XX/XX/2020", "XX/XX/2021", "XX/XX/2022", "January", "March", "June",
             "September", "November", "last spring", "last year"],
    "co": ["XXXX", "XXXX XXXX", "the company", "this bank", "they", "XXXX Bank", "XXXX Services", "XXXX Financial"],
    "n": ["two", "three", "four", "five", "six", "eight", "ten"],
}

SYNONYMS = {
    "account": ["acct", "file", "record"],
    "bank": ["institution", "branch", "company"],
    "bill": ["invoice", "statement", "charge"],
    "called": ["phoned", "rang", "contacted"],
    "car": ["vehicle", "auto", "suv"],
    "card": ["plastic", "account"],
    "charged": ["billed", "debited", "hit"],
    "check": ["cheque", "draft", "paper"],
    "closed": ["shut", "terminated", "ended"],
    "collector": ["agency", "caller", "firm"],
    "company": ["firm", "business", "outfit"],
    "debt": ["balance", "claim", "obligation"],
    "denied": ["declined", "rejected", "refused"],
    "fee": ["charge", "cost", "penalty"],
    "house": ["home", "property"],
    "lender": ["company", "creditor", "bank"],
    "loan": ["debt", "note", "credit"],
    "lost": ["gone", "missing", "misplaced"],
    "money": ["funds", "cash", "amount"],
    "mortgage": ["home loan", "loan"],
    "never": ["not", "at no time"],
    "paid": ["settled", "satisfied"],
    "payment": ["installment", "remittance", "deposit"],
    "refund": ["repayment", "money back"],
    "refused": ["declined", "would not"],
    "report": ["file", "record", "history"],
    "sent": ["mailed", "forwarded"],
    "servicer": ["company", "lender"],
    "took": ["withdrew", "removed", "grabbed"],
    "transfer": ["payment", "remittance"],
    "wrong": ["incorrect", "false", "inaccurate"],
}
