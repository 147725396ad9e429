// The official SDK of HubSpot for Node, unchanged, pointed by its own option `basePath`. Prints what it read.
const { Client } = require('@hubspot/api-client')
const hubspot = new Client({ accessToken: process.env.HUBSPOT_TOKEN, basePath: process.env.HUBSPOT_URL })

const contact = ({ id, properties }) => `${id} ${properties.email || '-'}`

async function pages(ask, page) {
  const found = []
  let after
  do {
    const answer = await ask(after)
    found.push(...answer.results.map(page))
    after = answer.paging?.next?.after
  } while (after)
  return found.sort()
}

async function main() {
  const crm = hubspot.crm
  const contacts = await crm.contacts.getAll(100, undefined, ['email'])
  const deals = await crm.deals.getAll(100, undefined, ['amount'])
  const ids = contacts.map(({ id }) => ({ id }))
  const batched = []
  for (let start = 0; start < ids.length; start += 100) {
    const inputs = ids.slice(start, start + 100)
    const answer = await crm.contacts.batchApi.read({ inputs, properties: ['email'], propertiesWithHistory: [] })
    batched.push(...answer.results)
  }
  const search = { filterGroups: [], sorts: ['hs_object_id'], properties: ['email'], limit: 100 }
  const searched = await pages((after) => crm.contacts.searchApi.doSearch({ ...search, after }), contact)
  const lists = (await crm.lists.listsApi.doSearch({ query: '', offset: 0, count: 100, additionalProperties: [] })).lists
  const list = await crm.lists.listsApi.getByName(lists[0].name, '0-1')
  const members = (after) => crm.lists.membershipsApi.getPage(list.list.listId, after, undefined, 100)
  const joined = (after) =>
    crm.lists.membershipsApi.getPageOrderedByAddedToListDate(list.list.listId, after, undefined, 100)
  const statistics = await hubspot.marketing.emails.statisticsApi.getEmailsList('2020-01-01T00:00:00Z', '2040-01-01T00:00:00Z')
  const { sent, delivered, open, click, unsubscribed } = statistics.aggregate.counters
  const recipients = await crm.properties.coreApi.getByName('contacts', 'email')
  if (recipients.type !== 'string') throw new Error(`the property email is a ${recipients.type}`)
  return {
    contacts: contacts.map(contact).sort(),
    'contacts (batch)': batched.map(contact).sort(),
    'contacts (search)': searched,
    deals: deals.map(({ id, properties }) => `${id} ${properties.amount}`).sort(),
    lists: lists.map(({ name }) => name).sort(),
    'list members': await pages(members, ({ recordId }) => recordId),
    'list members (join order)': await pages(joined, ({ recordId }) => recordId),
    counters: { sent, delivered, open, click, unsubscribed },
  }
}

main().then(
  (found) => console.log(JSON.stringify(found)),
  (error) => {
    console.error(error)
    process.exit(1)
  },
)
